#include "control/policy_trial.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "policy/credential_checks.h"
#include "policy/document_checks.h"
#include "policy/test_run.h"

namespace enforcer::control {
namespace {

using policy::PolicyDocument;

std::set<std::string> problems_of(const PolicyDocument& document, const policy::Credentials& credentials) {
  policy::Diagnostics found;
  policy::Reader reader(document.file, found);
  check_document(document, reader);
  check_credentials(document, credentials, policy::Completeness::kWhole, reader);
  std::set<std::string> problems;
  for (policy::Diagnostic& diagnostic : found.take()) problems.insert(diagnostic.code + diagnostic.message);
  return problems;
}

using TestPlace = std::pair<int, int>;

std::set<TestPlace> failing_tests(const std::shared_ptr<const PolicyDocument>& document,
                                  const PolicyTrial::Documents& guardrails,
                                  const std::shared_ptr<const policy::Credentials>& credentials) {
  std::set<TestPlace> failing;
  for (const policy::TestRun& run : run_tests(document, guardrails, credentials)) {
    if (run.result == policy::TestResult::kFailed) failing.emplace(run.place.line, run.place.column);
  }
  return failing;
}

}  // namespace

std::optional<RulePlace> PolicyTrial::find(const policy::RuleInfo* info) const {
  if (info == nullptr) return std::nullopt;
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    const PolicyDocument& document = *documents_[i];
    if (document.name != info->policy || document.guardrail() != info->guardrail) continue;
    const auto found = std::ranges::find(document.rules, info->rule,
                                         [](const policy::Rule& rule) -> const std::string& { return rule.info.rule; });
    if (found == document.rules.end()) return std::nullopt;
    return RulePlace{i, static_cast<std::size_t>(found - document.rules.begin())};
  }
  return std::nullopt;
}

PolicyDocument& PolicyTrial::own(std::size_t document) {
  auto copy = std::make_shared<PolicyDocument>(*documents_[document]);
  documents_[document] = copy;
  return *copy;
}

void PolicyTrial::add_rule(std::size_t document, policy::Rule rule) {
  PolicyDocument& changed = own(document);
  rule.info.policy = changed.name;
  changed.rules.push_back(std::move(rule));
}

void PolicyTrial::add_document(std::shared_ptr<const PolicyDocument> document) {
  documents_.push_back(std::move(document));
}

std::unique_ptr<const policy::GuestPolicy> PolicyTrial::compiled() const {
  return std::make_unique<policy::GuestPolicy>(policy::compile(documents_, now_->credentials, now_->generation));
}

PolicyTrial::Documents PolicyTrial::guardrails() const {
  Documents found;
  std::ranges::copy_if(documents_, std::back_inserter(found), [](const auto& one) { return one->guardrail(); });
  return found;
}

// A document of its own was read whole, with its problems.
bool PolicyTrial::draws_a_problem() const {
  for (std::size_t i = 0; i < now_->documents.size(); ++i) {
    if (documents_[i] == now_->documents[i]) continue;
    const auto before = problems_of(*now_->documents[i], *now_->credentials);
    if (!std::ranges::includes(before, problems_of(*documents_[i], *now_->credentials))) return true;
  }
  return false;
}

bool PolicyTrial::fails_a_test() const {
  const Documents rails = guardrails();
  for (std::size_t i = 0; i < now_->documents.size(); ++i) {
    if (documents_[i] == now_->documents[i] || documents_[i]->tests.empty()) continue;
    const auto before = failing_tests(now_->documents[i], rails, now_->credentials);
    if (!std::ranges::includes(before, failing_tests(documents_[i], rails, now_->credentials))) return true;
  }
  return false;
}

}  // namespace enforcer::control
