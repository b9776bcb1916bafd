// Daemon as the control API sees it: what changes policies, and what shows them.
#include <fmt/format.h>

#include "control/peer.h"
#include "enforcerd/daemon.h"
#include "policy/object_text.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;

namespace {

control::Problem to_problem(const policy::Diagnostic& diagnostic) {
  return {.file = diagnostic.file,
          .line = diagnostic.line,
          .column = diagnostic.column,
          .code = diagnostic.code,
          .severity = diagnostic.severity == policy::Severity::kError ? "error" : "warning",
          .message = diagnostic.message,
          .hint = diagnostic.hint,
          .text = diagnostic.to_string(),
          .page = diagnostic.page()};
}

Cause cause_of(std::string what, const control::Caller& caller) {
  return {.what = std::move(what), .uid = caller.uid, .user = control::account_name(caller.uid)};
}

/// For the log and the audit log.
std::string told(const Cause& cause, const control::Caller& caller) {
  return fmt::format("{} by uid {} (pid {})", cause.what, caller.uid, caller.pid);
}

control::GenerationInfo info_of_generation(const KeptGeneration& kept, std::uint64_t in_force) {
  control::GenerationInfo info{.first = kept.first,
                               .last = kept.last,
                               .time = kept.time,
                               .cause = kept.cause.what,
                               .uid = kept.cause.uid,
                               .user = kept.cause.user,
                               .digest = kept.digest,
                               .in_force = kept.covers(in_force)};
  for (std::size_t i = 0; i < kept.sources.size(); ++i) {
    info.sources.push_back({.name = kept.sources[i].name,
                            .applied = kept.sources[i].origin == policy::SourceOrigin::kApplied,
                            .sha256 = kept.summaries[i].sha256,
                            .holds_credentials = kept.summaries[i].holds_credentials});
  }
  return info;
}

}  // namespace

/// Answers when every worker decides by what was loaded, and live sessions have been decided again.
asio::awaitable<control::LoadAnswer> Daemon::enforced(LoadReport report) {
  co_await workers_.settled();
  control::LoadAnswer answer{.loaded = report.loaded, .generation = policies_.current()->generation()};
  answer.guests = static_cast<std::uint32_t>(guests_.all().size());
  for (const policy::Diagnostic& diagnostic : report.diagnostics) answer.problems.push_back(to_problem(diagnostic));
  if (!report.loaded && answer.problems.empty()) {
    answer.problems.push_back({.severity = "error", .message = report.error, .text = report.error});
  }
  co_return answer;
}

asio::awaitable<Result<control::LoadAnswer>> Daemon::reload(control::Caller caller) {
  const auto began = Monotonic::now();
  const Cause cause = cause_of("reload", caller);
  const LoadReport report = policies_.reload(cause);
  enforce_loaded(report, began, told(cause, caller));
  co_return co_await enforced(report);
}

asio::awaitable<Result<control::LoadAnswer>> Daemon::apply(control::Caller caller,
                                                           std::vector<control::Document> documents) {
  const auto began = Monotonic::now();
  const Cause cause = cause_of("apply", caller);
  std::vector<policy::SourceText> sources;
  for (control::Document& document : documents) sources.push_back({std::move(document.name), std::move(document.text)});
  const auto report = policies_.apply(std::move(sources), cause);
  if (!report) co_return std::unexpected(report.error());
  enforce_loaded(*report, began, told(cause, caller));
  co_return co_await enforced(*report);
}

asio::awaitable<Result<control::LoadAnswer>> Daemon::roll_back(control::Caller caller, std::uint64_t generation) {
  const auto began = Monotonic::now();
  const Cause cause = cause_of(fmt::format("rollback to {}", generation), caller);
  const auto report = policies_.roll_back(generation, cause);
  if (!report) co_return std::unexpected(report.error());
  enforce_loaded(*report, began, told(cause, caller));
  co_return co_await enforced(*report);
}

std::vector<control::GenerationInfo> Daemon::generations() const {
  std::vector<control::GenerationInfo> all;
  for (const KeptGeneration& kept : policies_.history().all()) {
    all.push_back(info_of_generation(kept, policies_.current()->generation()));
  }
  return all;
}

Result<control::PolicyTexts> Daemon::policy_texts(std::optional<std::uint64_t> generation) const {
  control::PolicyTexts texts{.generation = generation.value_or(policies_.current()->generation()), .objects = {}};
  const auto sources = generation ? TRY(policies_.history().find(*generation)).sources : policies_.sources();
  for (policy::ObjectText& object : TRY(policy::split_objects(sources))) {
    texts.objects.push_back({.kind = std::move(object.kind),
                             .name = std::move(object.name),
                             .file = std::move(object.file),
                             .line = object.line,
                             .applied = object.origin == policy::SourceOrigin::kApplied,
                             .text = std::move(object.text)});
  }
  return texts;
}

}  // namespace enforcer::enforcerd
