// Daemon as the control API sees it: credentials.
#include <fmt/ranges.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/log.h"
#include "base/text.h"
#include "credentials/placeholder.h"
#include "credentials/trial.h"
#include "enforcerd/daemon.h"
#include "http/authority.h"

namespace enforcer::enforcerd {
namespace {

namespace asio = boost::asio;

using Injection = policy::CredentialSpec::Injection;
using State = credentials::State;

/// How long a source may take while somebody waits at a terminal: a command of the helper has 10 s of its own.
constexpr std::chrono::seconds kSourcePatience{20};

constexpr std::size_t kLongestPath = 4096;

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

/// Where a credential is tried.
struct TriedOrigin {
  HostName host;
  Port port;
};

std::string places_of(const policy::CredentialSpec& spec) {
  std::vector<std::string_view> places;
  for (const Injection& injection : spec.inject) {
    for (const policy::Target& target : injection.to) places.push_back(target.text);
  }
  return fmt::format("{}", fmt::join(places, ", "));
}

/// The first place of the credential that is one host.
Result<TriedOrigin> first_origin(const policy::CredentialSpec& spec) {
  for (const Injection& injection : spec.inject) {
    for (const policy::Target& target : injection.to) {
      if (!target.host() || !target.host()->exact()) continue;
      return TriedOrigin{TRY(HostName::parse(target.host()->text())), target.port.value_or(kHttpsPort)};
    }
  }
  return fail(Errc::kConflict, fmt::format("credential {} is bound to no host in particular ({}): say which one to ask",
                                           spec.name, places_of(spec)));
}

/// The host that the caller named, with a port or on 443. The value goes nowhere else than its owner said, also for a
/// test.
Result<TriedOrigin> named_origin(const policy::CredentialSpec& spec, std::string_view text) {
  const auto authority = TRY(http::parse_authority(text));
  if (authority.name() == nullptr) {
    return fail(Errc::kInvalid,
                fmt::format("{} is an address, which no certificate proves: name the host", authority.host_text()));
  }
  const Port port = authority.port.value_or(kHttpsPort);
  if (spec.binding_for(*authority.name(), port) == nullptr) {
    return fail(Errc::kConflict, fmt::format("credential {} is not bound to {}:{} but to {}", spec.name,
                                             authority.host_text(), static_cast<unsigned>(port), places_of(spec)));
  }
  return TriedOrigin{*authority.name(), port};
}

/// In a request line it is what it is here, or it is refused: no blanks, nothing outside ASCII, no fragment.
Result<> check_path(std::string_view path) {
  const auto fits = [](char c) { return ascii::is_visible(c) && c != '#'; };
  if (path.starts_with('/') && path.size() <= kLongestPath && std::ranges::all_of(path, fits)) return {};
  return fail(Errc::kInvalid,
              fmt::format("'{}' is not a path: it begins with '/' and has at most {} visible characters "
                          "of ASCII, others are written as %XX",
                          escape_untrusted(path, 64), kLongestPath));
}

/// As whom a credential is tried that is another one for each guest, when no guest is named.
GuestName trial_guest() {
  auto name = GuestName::parse("credential-test");
  ENFORCER_CHECK(name.has_value());
  return *std::move(name);
}

}  // namespace

asio::awaitable<Result<control::Variables>> Daemon::guest_environment(GuestName name) {
  const GuestEntry* entry = guests_.find(name);
  if (entry == nullptr) co_return fail(Errc::kNotFound, fmt::format("no guest '{}'", name.text()));
  const auto policy = policies_.current()->for_guest(entry->announced.name, entry->announced.labels);
  const credentials::GuestBoot boot{
      .instance = config_.instance, .guest = entry->announced.name.text(), .epoch = entry->announced.epoch};
  control::Variables variables;
  for (auto& placeholder : credentials::placeholders_for(boot, *policy)) {
    variables.emplace(std::move(placeholder.variable), std::move(placeholder.value));
  }
  co_return variables;
}

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

asio::awaitable<Result<control::Rotation>> Daemon::rotate_credential(control::Caller caller, std::string name) {
  const auto snapshot = policies_.current();  // the spec lives in it
  const policy::CredentialSpec* spec = policy::find_credential(snapshot->credentials(), name);
  if (spec == nullptr) co_return not_loaded(name);
  const bool exchanges = !std::holds_alternative<std::monostate>(spec->exchange);
  if (spec->source.kind == policy::CredentialSpec::Source::Kind::kStored && !exchanges) {
    co_return fail(Errc::kConflict, fmt::format("the value of credential {} is stored: give the new one with "
                                                "'enforcerctl credential set {}'",
                                                name, name));
  }
  const auto renewal = co_await keyring_.renew(*spec, Deadline::after(kSourcePatience));
  // Only now: a request that was waiting for the old value has it, too. Also when the source failed: from here on
  // nothing goes on with what was asked to be no good any more.
  revoke_value(name);
  log_info("credential {} is rotated by uid {} (pid {}){}", name, caller.uid, caller.pid,
           renewal ? "" : ", but there is no other value");
  record_event("credential_rotated", nullptr, fmt::format("{} by uid {}", name, caller.uid));
  if (!renewal) co_return std::unexpected(renewal.error());
  co_return control::Rotation{.changed = renewal->changed, .expires = renewal->expires};
}

asio::awaitable<Result<control::CredentialTest>> Daemon::test_credential(control::Caller caller,
                                                                         control::TestCredential request) {
  const auto snapshot = policies_.current();
  const policy::CredentialSpec* spec = policy::find_credential(snapshot->credentials(), request.name);
  if (spec == nullptr) co_return not_loaded(request.name);
  if (const auto good = check_path(request.path); !good) co_return std::unexpected(good.error());
  auto origin = request.host.empty() ? first_origin(*spec) : named_origin(*spec, request.host);
  if (!origin) co_return std::unexpected(origin.error());
  credentials::GuestIdentity guest{.name = trial_guest(), .epoch = random_epoch(), .labels = {}};
  if (request.guest) {
    const GuestEntry* entry = guests_.find(*request.guest);
    if (entry == nullptr) co_return fail(Errc::kNotFound, fmt::format("no guest '{}'", request.guest->text()));
    guest = {entry->announced.name, entry->announced.epoch, entry->announced.labels};
  }
  const std::string place = fmt::format("{}:{}", origin->host.text(), static_cast<unsigned>(origin->port));
  log_info("credential {} is tried at {} by uid {} (pid {})", request.name, place, caller.uid, caller.pid);
  record_event("credential_tested", nullptr, fmt::format("{} at {} by uid {}", request.name, place, caller.uid));
  const std::shared_ptr<const policy::CredentialSpec> shared(snapshot, spec);
  co_return co_await ask_origin(shared, origin->host, origin->port, std::move(request.path), std::move(guest));
}

asio::awaitable<Result<control::CredentialTest>> Daemon::ask_origin(std::shared_ptr<const policy::CredentialSpec> spec,
                                                                    HostName host, Port port, std::string path,
                                                                    credentials::GuestIdentity guest) {
  const Deadline deadline = Deadline::after(kSourcePatience);
  auto lease = co_await keyring_.lease_of(*spec, std::move(guest), deadline);
  if (!lease) co_return std::unexpected(std::move(lease).error());
  control::CredentialTest test{.host = host.text(), .port = port, .path = path};
  const auto began = Monotonic::now();
  const auto status = co_await credentials::try_credential(https_, *spec, *std::move(lease), std::move(host), port,
                                                           std::move(path), deadline);
  if (!status) co_return std::unexpected(status.error());
  test.status = *status;
  test.took = std::chrono::duration_cast<std::chrono::milliseconds>(Monotonic::now() - began);
  co_return test;
}

/// What is kept of credentials that the generation in force has no more, and what was sent with them, goes.
void Daemon::drop_credentials_not_in(const std::vector<std::string>& loaded) {
  for (const std::string& name : loaded_credentials_) {
    if (std::ranges::binary_search(loaded, name)) continue;
    keyring_.forget(name);
    revoke_value(name);
    log_info("credential {} is not loaded any more: its value is forgotten", name);
  }
}

/// What was sent with the value before is closed; the next request gets the value of now.
void Daemon::revoke_value(const std::string& name) {
  workers_.on_each([name](proxy::Worker& worker) { worker.revoke_credential(name); });
}

}  // namespace enforcer::enforcerd
