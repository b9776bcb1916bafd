// Daemon as the control API sees it: credentials.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "enforcerd/daemon.h"

namespace enforcer::enforcerd {
namespace {

namespace asio = boost::asio;

using Injection = policy::CredentialSpec::Injection;
using State = credentials::State;

std::string_view label(State::Kind kind) {
  switch (kind) {
    case State::Kind::kOk:
      return "ok";
    case State::Kind::kMissing:
      return "missing";
    case State::Kind::kFailing:
      return "failing";
    case State::Kind::kNotAsked:
      break;
  }
  return "not asked";
}

control::CredentialInfo to_info(const policy::CredentialSpec& spec, State state) {
  control::CredentialInfo info{.name = spec.name,
                               .source = std::string(policy::label(spec.source.kind)),
                               .state = std::string(label(state.kind)),
                               .error = std::move(state.error),
                               .expires = state.expires,
                               .file = spec.file,
                               .line = spec.place.line};
  for (const Injection& injection : spec.inject) {
    for (const policy::Target& target : injection.to) info.hosts.push_back(target.text);
    const std::string kind(policy::label(injection.as));
    if (std::ranges::find(info.kinds, kind) == info.kinds.end()) info.kinds.push_back(kind);
  }
  return info;
}

std::unexpected<Error> not_loaded(std::string_view name) {
  return fail(
      Errc::kNotFound,
      fmt::format("no credential '{}' is loaded: declare it first (kind: Credential, with source: {{store: true}}) "
                  "and reload",
                  escape_untrusted(name, 64)));
}

}  // namespace

asio::awaitable<Result<std::vector<control::CredentialInfo>>> Daemon::credentials() {
  std::vector<control::CredentialInfo> all;
  for (const policy::CredentialSpec& spec : policies_.current()->credentials()) {
    all.push_back(to_info(spec, keyring_.state_of(spec)));
  }
  co_return all;
}

asio::awaitable<Result<>> Daemon::set_credential(control::Caller caller, std::string name, Secret value) {
  const policy::CredentialSpec* spec = policy::find_credential(policies_.current()->credentials(), name);
  if (spec == nullptr) co_return not_loaded(name);
  const auto stored = keyring_.set(*spec, value);
  if (!stored) co_return std::unexpected(stored.error());
  revoke_value(name);
  log_info("the value of credential {} is set by uid {} (pid {})", name, caller.uid, caller.pid);
  record_event("credential_set", nullptr, fmt::format("{} by uid {}", name, caller.uid));
  co_return Result<>{};
}

asio::awaitable<Result<>> Daemon::delete_credential(control::Caller caller, std::string name) {
  const policy::CredentialSpec* spec = policy::find_credential(policies_.current()->credentials(), name);
  if (spec == nullptr) co_return not_loaded(name);
  const auto deleted = keyring_.erase(*spec);
  if (!deleted) co_return std::unexpected(deleted.error());
  revoke_value(name);
  log_info("the value of credential {} is deleted by uid {} (pid {})", name, caller.uid, caller.pid);
  record_event("credential_deleted", nullptr, fmt::format("{} by uid {}", name, caller.uid));
  co_return Result<>{};
}

/// What was sent with the value before is closed; the next request gets the value of now.
void Daemon::revoke_value(const std::string& name) {
  workers_.on_each([name](proxy::Worker& worker) { worker.revoke_credential(name); });
}

}  // namespace enforcer::enforcerd
