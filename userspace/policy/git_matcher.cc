// The git part of RequestMatcher.
#include <algorithm>

#include "policy/git_call.h"
#include "policy/glob.h"
#include "policy/loose_path.h"
#include "policy/request_matcher.h"

namespace enforcer::policy {
namespace {

using Word = GitMatcher::Word;
using Kind = GitCall::Update::Kind;

/// Most forges take "Acme/W" for "acme/w", and some file systems "Main" for "main": an objection must hold for both.
Letters letters_for(Leaning leaning) {
  return leaning == Leaning::kObjecting ? Letters::kFolded : Letters::kExact;
}

bool one_fits(const std::vector<std::string>& patterns, std::string_view text, Leaning leaning) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return path_matches(pattern, text, letters_for(leaning)); });
}

/// Whether the request is one to this service, of a repository that the rule means.
bool means_service(const GitMatcher& matcher, const RequestFacts& request, std::string_view service, Leaning leaning) {
  const auto is_named = [&](std::string_view repository) {
    return !repository.empty() && one_fits(matcher.repos, repository, leaning);
  };
  if (!ambiguous(request.path)) return is_named(git_repository_of(request, service, leaning));
  if (leaning == Leaning::kAllowing) return false;  // no forge has such a repository
  RequestFacts loose = request;
  loose.path = loosely(request.path);
  return is_named(git_repository_of(request, service, leaning)) || is_named(git_repository_of(loose, service, leaning));
}

/// What is not shown to be a fast-forward counts as forced.
Truth means_update(const GitMatcher& matcher, const GitCall::Update& update, Leaning leaning) {
  if (!matcher.refs.empty() && !one_fits(matcher.refs, update.ref, leaning)) return Truth::kNo;
  const bool deletes = update.kind == Kind::kDelete;
  const bool unseen = update.kind == Kind::kUpdate;
  const bool forces = update.kind == Kind::kForce || unseen;
  if (matcher.deletion == Word::kDeny && deletes) return Truth::kNo;
  if (matcher.force == Word::kDeny && forces) return unseen ? Truth::kCannotTell : Truth::kNo;
  if (matcher.force != Word::kOnly && matcher.deletion != Word::kOnly) return Truth::kYes;
  const bool meant = (matcher.force == Word::kOnly && forces) || (matcher.deletion == Word::kOnly && deletes);
  return meant ? Truth::kYes : Truth::kNo;
}

/// Of a push; asking which refs there are updates none of them.
Truth means_updates(const GitMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  const bool objecting = leaning == Leaning::kObjecting;
  const Truth none = objecting ? Truth::kNo : Truth::kYes;
  if (request.method != "POST") return none;
  if (!request.git || !request.git->updates) return Truth::kCannotTell;
  Truth truth = none;
  for (const GitCall::Update& update : *request.git->updates) {
    const Truth one = means_update(matcher, update, leaning);
    truth = objecting ? std::max(truth, one) : std::min(truth, one);
  }
  return truth;
}

/// "info/refs" of which it is not known for which service.
bool hides_service(const RequestFacts& request) {
  const bool recorded = request.extent == RequestFacts::Extent::kRecorded;
  return recorded && request.query && request.query->contains('*') && request.method == "GET";
}

/// For either service, because a record does not say which.
Truth matches_some_service(const GitMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  RequestFacts guess = request;
  for (const char* query : {"service=git-upload-pack", "service=git-receive-pack"}) {
    guess.query = query;
    if (matches(matcher, guess, leaning) != Truth::kNo) return Truth::kCannotTell;
  }
  return Truth::kNo;
}

}  // namespace

Truth matches(const GitMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  if (hides_service(request)) return matches_some_service(matcher, request, leaning);
  const bool fetches = matcher.fetch && means_service(matcher, request, "git-upload-pack", leaning);
  const bool pushes = matcher.push && means_service(matcher, request, "git-receive-pack", leaning);
  if (!matcher.asks_for_updates()) return fetches || pushes ? Truth::kYes : Truth::kNo;
  if (pushes) return means_updates(matcher, request, leaning);
  return fetches && leaning == Leaning::kAllowing ? Truth::kYes : Truth::kNo;  // a fetch updates no ref
}

}  // namespace enforcer::policy
