#include "policy/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "policy/document_checks.h"
#include "policy/document_reader.h"

namespace enforcer::policy {
namespace {

using Documents = std::vector<std::shared_ptr<const PolicyDocument>>;

/// One object of a name and kind; which of two is the second one does not depend on the order of the sources.
void check_object_names(const Documents& documents, Diagnostics& out) {
  std::map<std::pair<PolicyDocument::Kind, std::string_view>, std::vector<const PolicyDocument*>> by_name;
  for (const auto& document : documents) {
    if (!document->name.empty()) by_name[{document->kind, document->name}].push_back(document.get());
  }
  for (auto& [name, same] : by_name) {
    std::ranges::sort(same, {},
                      [](const PolicyDocument* d) { return std::tuple(d->file, d->place.line, d->place.column); });
    for (std::size_t i = 1; i < same.size(); ++i) {
      out.report(same[i]->file, same[i]->place, Code::kTakenName,
                 fmt::format("{} '{}' exists already in {}:{}", label(name.first), name.second, same[0]->file,
                             same[0]->place.line));
    }
  }
}

}  // namespace

LoadOutcome load(std::span<const SourceText> sources, std::uint64_t generation) {
  Diagnostics problems;
  Documents documents;
  Documents guardrails;
  for (const SourceText& source : sources) {
    Reader reader(source.name, problems);
    for (const YamlNode& node : read_yaml(source.name, source.text, problems)) {
      const std::size_t errors_before = problems.errors();
      auto read = read_document(node, reader);
      if (!read) continue;
      auto document = std::make_shared<const PolicyDocument>(*std::move(read));
      if (problems.errors() == errors_before) check_document(*document, reader);
      if (document->guardrail()) guardrails.push_back(document);
      documents.push_back(std::move(document));
    }
  }
  check_object_names(documents, problems);
  // Tests of a policy with errors would fail for the wrong reason.
  if (!problems.has_errors()) {
    for (const auto& document : documents) {
      Reader reader(document->file, problems);
      run_tests(document, guardrails, reader);
    }
  }
  LoadOutcome outcome;
  if (!problems.has_errors()) outcome.snapshot = std::make_shared<const Snapshot>(std::move(documents), generation);
  outcome.diagnostics = problems.take();
  return outcome;
}

}  // namespace enforcer::policy
