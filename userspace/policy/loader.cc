#include "policy/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "policy/credential_checks.h"
#include "policy/document_checks.h"
#include "policy/document_reader.h"

namespace enforcer::policy {
namespace {

using Documents = std::vector<std::shared_ptr<const PolicyDocument>>;

/// What was read from all sources.
struct Objects {
  Documents documents;
  Documents guardrails;  ///< of `documents`
  Credentials credentials;
};

Objects read_objects(std::span<const SourceText> sources, Diagnostics& problems) {
  Objects objects;
  for (const SourceText& source : sources) {
    if (source.refusal) {
      problems.report(source.name, {}, source.refusal->code, source.refusal->message);
      continue;
    }
    Reader reader(source.name, problems);
    const std::size_t errors_before_reading = problems.errors();
    const std::vector<YamlNode> nodes = read_yaml(source.name, source.text, problems);
    if (nodes.empty() && problems.errors() == errors_before_reading)
      reader.report({}, Code::kNoObject, fmt::format("no object in {}", source.name));
    for (const YamlNode& node : nodes) {
      const std::size_t errors_before = problems.errors();
      auto read = read_document(node, source.origin, reader);
      if (!read) continue;
      if (auto* credential = std::get_if<CredentialSpec>(&*read)) {
        objects.credentials.push_back(std::move(*credential));
        continue;
      }
      auto document = std::make_shared<const PolicyDocument>(std::get<PolicyDocument>(*std::move(read)));
      if (problems.errors() == errors_before) check_document(*document, reader);
      if (document->guardrail()) objects.guardrails.push_back(document);
      objects.documents.push_back(std::move(document));
    }
  }
  std::ranges::sort(objects.credentials, {}, [](const CredentialSpec& credential) {
    return std::tuple(credential.name, credential.file, credential.place.line);
  });
  return objects;
}

/// One object of a name and kind; which of two is the second one does not depend on the order of the sources.
void check_object_names(const Objects& objects, Diagnostics& out) {
  struct Named {
    std::string_view file;
    Place place;
  };
  std::map<std::pair<std::string_view, std::string_view>, std::vector<Named>> by_name;
  for (const auto& document : objects.documents) {
    if (!document->name.empty())
      by_name[{label(document->kind), document->name}].push_back({document->file, document->place});
  }
  for (const CredentialSpec& credential : objects.credentials) {
    if (!credential.name.empty())
      by_name[{"Credential", credential.name}].push_back({credential.file, credential.place});
  }
  for (auto& [name, same] : by_name) {
    std::ranges::sort(same, {}, [](const Named& n) { return std::tuple(n.file, n.place.line, n.place.column); });
    for (std::size_t i = 1; i < same.size(); ++i) {
      out.report(
          same[i].file, same[i].place, Code::kTakenName,
          fmt::format("{} '{}' exists already in {}:{}", name.first, name.second, same[0].file, same[0].place.line));
    }
  }
}

Objects checked_objects(std::span<const SourceText> sources, Completeness completeness, Diagnostics& problems) {
  Objects objects = read_objects(sources, problems);
  // What an object names may stand in a file that could not be read.
  if (std::ranges::any_of(sources, [](const SourceText& source) { return source.refusal.has_value(); }))
    completeness = Completeness::kPart;
  check_object_names(objects, problems);
  for (const auto& document : objects.documents) {
    Reader reader(document->file, problems);
    check_credentials(*document, objects.credentials, completeness, reader);
  }
  return objects;
}

std::vector<TestRun> run_all(const Objects& objects, const std::shared_ptr<const Credentials>& credentials) {
  std::vector<TestRun> runs;
  for (const auto& document : objects.documents) {
    std::ranges::move(run_tests(document, objects.guardrails, credentials), std::back_inserter(runs));
  }
  std::ranges::sort(runs, {}, [](const TestRun& run) {
    return std::tuple(std::string_view(run.file), run.place.line, run.place.column);
  });
  return runs;
}

}  // namespace

LoadOutcome load(std::span<const SourceText> sources, std::uint64_t generation, Completeness completeness,
                 FailedTest failed_test) {
  Diagnostics problems;
  Objects objects = checked_objects(sources, completeness, problems);
  const auto credentials = std::make_shared<const Credentials>(std::move(objects.credentials));
  const bool sound = !problems.has_errors();
  // Tests of a policy with errors, or without the guardrails that apply to it, would fail for the wrong reason.
  if (sound && completeness == Completeness::kWhole) {
    for (TestRun& run : run_all(objects, credentials)) {
      if (run.result == TestResult::kFailed)
        problems.report(run.file, run.place, Code::kTestFailed, std::move(run.message));
    }
  }
  LoadOutcome outcome;
  if (!problems.has_errors() || (sound && failed_test == FailedTest::kWarns)) {
    outcome.snapshot = std::make_shared<const Snapshot>(std::move(objects.documents), credentials, generation);
  }
  outcome.diagnostics = problems.take();
  if (outcome.snapshot) {  // what is an error among them is a test that failed
    for (Diagnostic& told : outcome.diagnostics) told.severity = Severity::kWarning;
  }
  return outcome;
}

std::vector<Diagnostic> refusals_of(std::span<const SourceText> sources) {
  Diagnostics problems;
  for (const SourceText& source : sources) {
    if (source.refusal) problems.report(source.name, {}, source.refusal->code, source.refusal->message);
  }
  return problems.take();
}

TestOutcome ask_tests(std::span<const SourceText> sources) {
  Diagnostics problems;
  Objects objects = checked_objects(sources, Completeness::kWhole, problems);
  TestOutcome outcome;
  outcome.asked = !problems.has_errors();
  outcome.diagnostics = problems.take();
  if (!outcome.asked) return outcome;
  outcome.tests = run_all(objects, std::make_shared<const Credentials>(std::move(objects.credentials)));
  outcome.rules = reach_of(objects.documents, outcome.tests);
  return outcome;
}

bool has_no_object(std::span<const SourceText> sources, std::span<const Diagnostic> diagnostics) {
  const std::string_view code = diagnostic_codes()[static_cast<std::size_t>(Code::kNoObject)].code;
  return !sources.empty() && std::ranges::count(diagnostics, code, &Diagnostic::code) == std::ssize(sources);
}

}  // namespace enforcer::policy
