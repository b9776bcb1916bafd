#include "policy/action.h"

#include <fmt/format.h>

#include <algorithm>

namespace enforcer::policy {
namespace {

using Update = GitCall::Update;

constexpr std::size_t kRefsNamed = 6;

std::string bounded(std::string text) {
  constexpr std::string_view kCut = "...";
  if (text.size() <= kLongestActionText) return text;
  text.resize(kLongestActionText - kCut.size());
  text += kCut;
  return text;
}

/// What stands behind a ref in an action's words.
std::string_view note_on(Update::Kind kind) {
  switch (kind) {
    case Update::Kind::kCreate:
      return " (new)";
    case Update::Kind::kForce:
      return " (force)";
    case Update::Kind::kDelete:
      return " (delete)";
    case Update::Kind::kFastForward:
    case Update::Kind::kUpdate:
      return "";
  }
  return "";
}

bool takes_away(const Update& update) {
  return update.kind == Update::Kind::kDelete || update.kind == Update::Kind::kForce;
}

/// Those that take something away first: what is cut off is the rest.
std::string refs_in_words(const std::vector<Update>& updates) {
  std::string words;
  std::size_t named = 0;
  const auto name = [&](const Update& update) {
    if (named++ >= kRefsNamed) return;
    words += fmt::format("{}{}{}", words.empty() ? "" : ", ", update.ref, note_on(update.kind));
  };
  for (const Update& update : updates) {
    if (takes_away(update)) name(update);
  }
  for (const Update& update : updates) {
    if (!takes_away(update)) name(update);
  }
  if (named > kRefsNamed) words += fmt::format(" and {} more", named - kRefsNamed);
  return words;
}

std::string git_action(const GitCall& call) {
  if (call.operation == GitCall::Operation::kFetch) return "git fetch " + call.repository;
  if (call.stage == GitCall::Stage::kAsks) return fmt::format("git push {} (asks for its refs)", call.repository);
  if (!call.updates) return fmt::format("git push {} (it cannot be told what)", call.repository);
  if (call.updates->empty()) return fmt::format("git push {} (nothing)", call.repository);
  const bool forced =
      std::ranges::any_of(*call.updates, [](const Update& u) { return u.kind == Update::Kind::kForce; });
  const bool alone = call.updates->size() == 1;
  std::string refs = forced && alone ? call.updates->front().ref : refs_in_words(*call.updates);
  return fmt::format("git push {}{} {}", forced ? "--force " : "", call.repository, refs);
}

}  // namespace

std::string named_action(const RequestFacts& request) {
  if (request.git) return bounded(git_action(*request.git));
  if (!request.aws || request.aws->service.empty() || request.aws->action.empty()) return "";
  return bounded(fmt::format("{}:{}", request.aws->service, request.aws->action));
}

std::string action_of(const RequestFacts& request) {
  std::string named = named_action(request);
  return named.empty() ? bounded(fmt::format("{} {}", request.method, request.path)) : named;
}

}  // namespace enforcer::policy
