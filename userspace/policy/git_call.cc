#include "policy/git_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "policy/compile.h"
#include "policy/findings.h"
#include "policy/ref_pattern.h"

namespace enforcer::policy {
namespace {

constexpr std::string_view kUploadPack = "git-upload-pack";
constexpr std::string_view kReceivePack = "git-receive-pack";
constexpr std::size_t kMostRefsAsked = 100;

/// Does the query of "info/refs" ask for this service? Git writes exactly that and nothing else.
bool names_service(const RequestFacts& request, std::string_view service, Leaning leaning) {
  const std::string_view query = request.query ? std::string_view(*request.query) : "";
  if (leaning == Leaning::kAllowing) return query.starts_with("service=") && query.substr(8) == service;
  RequestFacts said{.method = request.method, .path = request.path, .query = request.query};  // also of a record
  return matches(HttpMatcher{.query = {{"service", std::string(service)}}}, said, leaning) == Truth::kYes;
}

std::optional<GitCall> call_of(const RequestFacts& request, std::string_view service, GitCall::Operation operation) {
  const std::string_view repository = git_repository_of(request, service, Leaning::kObjecting);
  if (repository.empty()) return std::nullopt;
  return GitCall{.operation = operation,
                 .repository = std::string(repository),
                 .stage = request.method == "POST" ? GitCall::Stage::kActs : GitCall::Stage::kAsks};
}

std::optional<GitCall> call_of(const RequestFacts& request) {
  auto push = call_of(request, kReceivePack, GitCall::Operation::kPush);
  return push ? push : call_of(request, kUploadPack, GitCall::Operation::kFetch);
}

/// The next word of a line; empty at its end.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

Result<GitCall::Update> update_asked(std::string_view word) {
  GitCall::Update update{.kind = GitCall::Update::Kind::kFastForward};
  std::string_view ref = word;
  if (word.starts_with('+')) update.kind = GitCall::Update::Kind::kForce;
  if (word.starts_with(':')) update.kind = GitCall::Update::Kind::kDelete;
  if (update.kind != GitCall::Update::Kind::kFastForward) ref.remove_prefix(1);
  if (!is_ref_pattern(ref) || ref.contains('*')) {
    return fail(Errc::kInvalid, fmt::format("'{}' is not a ref, such as refs/heads/main", escape_untrusted(ref, 128)));
  }
  update.ref = ref;
  return update;
}

}  // namespace

std::string_view git_repository_of(const RequestFacts& request, std::string_view service, Leaning leaning) {
  std::string_view path = request.path;
  if (leaning == Leaning::kObjecting && path.ends_with('/')) path.remove_suffix(1);
  std::string_view end;
  if (request.method == "POST" && path.ends_with(service)) {
    end = service;
  } else if (request.method == "GET" && names_service(request, service, leaning)) {
    end = "info/refs";
  }
  if (end.empty() || !path.ends_with(end)) return {};
  path.remove_suffix(end.size());
  if (path.size() < 2 || !path.ends_with('/')) return {};
  path = path.substr(1, path.size() - 2);
  if (path.ends_with(".git")) path.remove_suffix(4);
  return path;
}

GitInterest asks_about_git(const GuestPolicy& policy, const Facts& facts) {
  if (!policy.compiled().any_git) return GitInterest::kNothing;
  const auto asks_at_all = [](const CompiledRule& rule, const Facts&) { return rule.rule->matcher.git.has_value(); };
  const auto asks_for_force = [](const CompiledRule& rule, const Facts&) {
    return rule.rule->matcher.git && rule.rule->matcher.git->force != GitMatcher::Word::kNone;
  };
  if (any_rule_here(policy.compiled(), facts, asks_for_force)) return GitInterest::kForce;
  return any_rule_here(policy.compiled(), facts, asks_at_all) ? GitInterest::kCall : GitInterest::kNothing;
}

bool push_in_body(const RequestFacts& request) {
  const bool coded =
      std::ranges::any_of(request.fields, [](const FieldFact& field) { return field.name == "content-encoding"; });
  return request.method == "POST" && !coded && call_of(request, kReceivePack, GitCall::Operation::kPush);
}

void add_git_call(Facts& facts, std::optional<std::vector<GitCall::Update>> updates) {
  auto call = call_of(*facts.request);
  if (!call) return;
  call->updates = std::move(updates);
  auto known = std::make_shared<RequestFacts>(*facts.request);
  known->git = *std::move(call);
  facts.request = std::move(known);
}

Result<GitQuestion> git_question(std::string_view text) {
  const auto not_one = [&] {
    return fail(Errc::kInvalid, fmt::format("'{}' is not 'fetch HOST/OWNER/NAME' or 'push HOST/OWNER/NAME REF...'",
                                            escape_untrusted(text, 128)));
  };
  std::string_view rest = text;
  const std::string_view verb = take_word(rest);
  const std::string_view place = take_word(rest);
  const auto slash = place.find('/');
  const bool pushes = verb == "push";
  if ((!pushes && verb != "fetch") || slash == std::string_view::npos) return not_one();
  std::string_view repository = place.substr(slash + 1);
  if (repository.ends_with(".git")) repository.remove_suffix(4);
  if (!is_repository_pattern(repository) || repository.contains('*')) return not_one();
  auto host = HostName::parse(place.substr(0, slash));
  if (!host) return fail_in(escape_untrusted(place.substr(0, slash), 128), host.error());
  std::vector<GitCall::Update> updates;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    if (updates.size() == kMostRefsAsked) return not_one();
    updates.push_back(TRY(update_asked(word)));
  }
  if (pushes == updates.empty()) return not_one();
  RequestFacts request{.transport = RequestFacts::Transport::kTls,
                       .method = "POST",
                       .path = fmt::format("/{}.git/{}", repository, pushes ? kReceivePack : kUploadPack)};
  request.git = call_of(request);
  if (pushes) request.git->updates = std::move(updates);
  return GitQuestion{.host = *std::move(host), .request = std::move(request)};
}

}  // namespace enforcer::policy
