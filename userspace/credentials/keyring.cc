#include "credentials/keyring.h"

#include <fmt/format.h>

#include "credentials/command_source.h"
#include "credentials/file_source.h"
#include "credentials/store.h"

namespace enforcer::credentials {
namespace {

using Kind = policy::CredentialSpec::Source::Kind;

Result<> require_stored(const policy::CredentialSpec& spec) {
  if (spec.source.kind == Kind::kStored) return {};
  return fail(Errc::kConflict, fmt::format("the value of credential {} does not come from the store: {}:{} says where",
                                           spec.name, spec.file, spec.place.line));
}

}  // namespace

Keyring::Keyring(boost::asio::io_context& io, std::string store_dir, std::unique_ptr<Environment> environment,
                 Helper helper)
    : files_(std::make_unique<FileSource>()),
      environment_(std::move(environment)),
      commands_(std::make_unique<CommandSource>(io, std::move(helper))),
      store_(std::make_unique<Store>(std::move(store_dir))) {}

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
    case Kind::kVault:
    case Kind::kStored:
      break;
  }
  return *store_;
}

boost::asio::awaitable<Result<std::shared_ptr<const Secret>>> Keyring::secret_of(const policy::CredentialSpec& spec,
                                                                                 Deadline deadline) {
  auto value = co_await source_of(spec).read(spec, deadline);
  if (value) {
    given_.insert_or_assign(spec.name, value->secret);
    co_return std::move(value->secret);
  }
  co_return fail(Errc::kUnavailable, fmt::format("credential {} ({}:{}): {}", spec.name, spec.file, spec.place.line,
                                                 value.error().message));
}

std::shared_ptr<const Secret> Keyring::last_given(std::string_view name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? nullptr : found->second;
}

State Keyring::state_of(const policy::CredentialSpec& spec) {
  const auto value = source_of(spec).look(spec);
  if (!value) return {.kind = State::Kind::kNotAsked};
  if (*value) return {.kind = State::Kind::kOk, .expires = (*value)->expires};
  const Error& error = value->error();
  return {.kind = error.code == Errc::kNotFound ? State::Kind::kMissing : State::Kind::kFailing,
          .error = error.message};
}

Result<> Keyring::set(const policy::CredentialSpec& spec, const Secret& value) {
  TRY_VOID(require_stored(spec));
  forget(spec.name);
  return store_->set(spec.name, value);
}

Result<> Keyring::erase(const policy::CredentialSpec& spec) {
  TRY_VOID(require_stored(spec));
  forget(spec.name);
  return store_->erase(spec.name);
}

void Keyring::forget(std::string_view name) {
  for (Source* source : std::initializer_list<Source*>{files_.get(), commands_.get(), store_.get()}) {
    source->forget(name);
  }
  if (const auto found = given_.find(name); found != given_.end()) given_.erase(found);
}

}  // namespace enforcer::credentials
