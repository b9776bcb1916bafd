// GitCall: what a request asks of a git server (gitprotocol-http(5), the smart protocol), read from outside.
//
// Repository and operation are in the path and query. What a push does to which refs is in the body, in front of the
// pack; whether an update is a fast-forward, the commits in the pack may show. Neither is read here (git/push.h,
// git/pack.h): what was read is put in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_name.h"
#include "base/result.h"
#include "policy/facts.h"
#include "policy/guest_policy.h"
#include "policy/request_matcher.h"

namespace enforcer::policy {

/// What the rules on this host and port want to know of a request to a git server.
enum class GitInterest : std::uint8_t {
  kNothing,
  kCall,   ///< Facts::request->git
  kForce,  ///< also whether updates are fast-forwards
};
[[nodiscard]] GitInterest asks_about_git(const GuestPolicy& policy, const Facts& facts);

/// "acme/w" of a request that is this service's ("git-upload-pack", "git-receive-pack"); empty: it is not.
[[nodiscard]] std::string_view git_repository_of(const RequestFacts& request, std::string_view service,
                                                 Leaning leaning);

/// A push whose body says what it does, and in no coding: git codes none, and servers disagree on those they take off.
[[nodiscard]] bool push_in_body(const RequestFacts& request);

/// Puts it into the facts' request, which there is; nothing where the request is none to a git server. `updates`: as
/// GitCall has them.
void add_git_call(Facts& facts, std::optional<std::vector<GitCall::Update>> updates);

/// A question without a request to read.
struct GitQuestion {
  HostName host;
  RequestFacts request;
};

/// "fetch github.com/acme/w", "push github.com/acme/w refs/heads/a +refs/heads/b :refs/heads/c", with git's own signs:
/// '+' for an update that is no fast-forward, ':' for a deletion; without one it is a fast-forward. kInvalid: not of
/// that form.
Result<GitQuestion> git_question(std::string_view text);

}  // namespace enforcer::policy
