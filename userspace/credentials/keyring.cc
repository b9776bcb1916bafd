#include "credentials/keyring.h"

#include <fmt/format.h>

#include "credentials/command_source.h"
#include "credentials/file_source.h"
#include "credentials/service_credentials.h"
#include "credentials/store.h"

namespace enforcer::credentials {
namespace {

using Kind = policy::CredentialSpec::Source::Kind;

Result<> require_stored(const policy::CredentialSpec& spec) {
  if (spec.source.kind == Kind::kStored) return {};
  return fail(Errc::kConflict, fmt::format("the value of credential {} does not come from the store: {}:{} says where",
                                           spec.name, spec.file, spec.place.line));
}

/// A source whose own text says until when it is good, as keys in a file do, gives it for ever.
Result<Value> not_expired(Result<Value> value) {
  const bool has_ended = value && value->expires && *value->expires <= WallClock::now();
  if (has_ended) return fail(Errc::kUnavailable, "the value has expired, and its source has no other");
  return value;
}

}  // namespace

Keyring::Keyring(boost::asio::io_context& io, const Folders& folders, std::unique_ptr<Environment> environment,
                 Helper helper)
    : files_(std::make_unique<FileSource>()),
      service_(std::make_unique<ServiceCredentials>(folders.service)),
      environment_(std::move(environment)),
      commands_(std::make_unique<CommandSource>(io, std::move(helper))),
      store_(std::make_unique<Store>(folders.store, folders.service)) {}

Keyring::~Keyring() = default;

Source& Keyring::source_of(const policy::CredentialSpec& spec) {
  switch (spec.source.kind) {
    case Kind::kFile:
      return *files_;
    case Kind::kEnv:
      return *environment_;
    case Kind::kExec:
      return *commands_;
    case Kind::kSystemd:
      return *service_;
    case Kind::kVault:
    case Kind::kStored:
      break;
  }
  return *store_;
}

boost::asio::awaitable<Result<std::shared_ptr<const Secret>>> Keyring::secret_of(const policy::CredentialSpec& spec,
                                                                                 Deadline deadline) {
  auto value = not_expired(co_await source_of(spec).read(spec, deadline));
  if (value) co_return std::move(value->secret);
  co_return fail(Errc::kUnavailable, fmt::format("credential {} ({}:{}): {}", spec.name, spec.file, spec.place.line,
                                                 value.error().message));
}

State Keyring::state_of(const policy::CredentialSpec& spec) {
  const auto known = source_of(spec).look(spec);
  if (!known) return {.kind = State::Kind::kNotAsked};
  const auto value = not_expired(*known);
  if (value) return {.kind = State::Kind::kOk, .expires = value->expires};
  const Error& error = value.error();
  return {.kind = error.code == Errc::kNotFound ? State::Kind::kMissing : State::Kind::kFailing,
          .error = error.message};
}

Result<> Keyring::set(const policy::CredentialSpec& spec, const Secret& raw) {
  TRY_VOID(require_stored(spec));
  return store_->set(spec, raw);
}

Result<> Keyring::erase(const policy::CredentialSpec& spec) {
  TRY_VOID(require_stored(spec));
  return store_->erase(spec.name);
}

void Keyring::forget(std::string_view name) {
  for (Source* source : std::initializer_list<Source*>{files_.get(), service_.get(), commands_.get(), store_.get()}) {
    source->forget(name);
  }
}

}  // namespace enforcer::credentials
