#include "credentials/keyring.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.h"
#include "credentials/aws_keys.h"
#include "credentials/command_source.h"
#include "credentials/file_source.h"
#include "credentials/service_credentials.h"
#include "credentials/sigv4.h"
#include "credentials/store.h"
#include "credentials/token_exchange.h"
#include "credentials/vault_source.h"

namespace enforcer::credentials {
namespace asio = boost::asio;

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

std::unexpected<Error> unavailable(const policy::CredentialSpec& spec, const Error& error) {
  return fail(Errc::kUnavailable,
              fmt::format("credential {} ({}:{}): {}", spec.name, spec.file, spec.place.line, error.message));
}

RefreshingCache::Key vault_key(const policy::CredentialSpec& spec) {
  return {.credential = spec.name, .part = "vault"};
}

std::string fingerprint_of(const policy::VaultPlace& place) {
  return fmt::format(
      "{}", fmt::join(std::initializer_list<std::string>{policy::text_of(place.address), place.mount, place.path,
                                                         place.key, place.name_space, place.token_file, place.role_id,
                                                         place.secret_id_file},
                      "\n"));
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string fingerprint_of(const Pairs& pairs) {
  std::string text;
  for (const auto& [key, value] : pairs) text += fmt::format("{}:{}{}:{}", key.size(), key, value.size(), value);
  return text;
}

/// Each exchange with the name of its kind in front. What differs in any field differs here.
struct Fingerprint {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const policy::Oauth2Exchange& e) const {
    return fmt::format("oauth2\n{}\n{}\n{}\n{}\n{}\n{}", static_cast<int>(e.grant), policy::text_of(e.token_url),
                       e.client_id, e.scope, e.audience, e.subject);
  }
  std::string operator()(const policy::GithubAppExchange& e) const {
    return fmt::format("github\n{}\n{}\n{}\n{}\n\n{}", policy::text_of(e.api), e.app, e.installation,
                       fmt::join(e.repositories, "\n"), fingerprint_of(e.permissions));
  }
  std::string operator()(const policy::AssumeRoleExchange& e) const {
    return fmt::format("role\n{}\n{}\n{}\n{}\n{}\n{}\n{}", policy::text_of(e.sts), e.region, e.role, e.session_name,
                       e.session_policy, e.duration.count(), fingerprint_of(e.tags));
  }
};

std::string fingerprint_of(const policy::CredentialExchange& exchange) {
  return std::visit(Fingerprint(), exchange);
}

bool exchanges(const policy::CredentialSpec& spec) {
  return !std::holds_alternative<std::monostate>(spec.exchange);
}

/// Of labels that are the same, and of no others: no text holds a NUL.
std::string labels_part(const Labels& labels) {
  std::string part;
  for (const auto& [key, value] : labels) part.append(key).append(1, '\0').append(value).append(1, '\0');
  return part;
}

RefreshingCache::Key minted_key(const policy::CredentialSpec& spec, const std::optional<GuestIdentity>& guest) {
  return {.credential = spec.name,
          .part = guest && has_one_for_each_guest(spec)
                      ? fmt::format("{}/{}/{}", guest->name.text(), to_string(guest->epoch), labels_part(guest->labels))
                      : std::string()};
}

Result<> sign_for_sts(HttpsRequest& request, std::string_view region, const Secret& keys, WallClock::time_point now) {
  return sign_own(request.head, {request.body.data(), request.body.size()}, region, "sts", keys_in(keys), now);
}

}  // namespace

bool has_one_for_each_guest(const policy::CredentialSpec& spec) {
  return std::holds_alternative<policy::AssumeRoleExchange>(spec.exchange);
}

Keyring::Keyring(asio::io_context& io, HttpsClient& client, const Folders& folders,
                 std::unique_ptr<Environment> environment, Helper helper)
    : files_(std::make_unique<FileSource>()),
      service_(std::make_unique<ServiceCredentials>(folders.service)),
      environment_(std::move(environment)),
      commands_(std::make_unique<CommandSource>(io, std::move(helper))),
      store_(std::make_unique<Store>(folders.store, folders.service)),
      vault_(std::make_unique<VaultSource>(client)),
      exchange_(std::make_unique<TokenExchange>(client, sign_for_sts)),
      asked_for_(io) {}

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
      return *vault_;
    case Kind::kStored:
      break;
  }
  return *store_;
}

asio::awaitable<Result<Value>> Keyring::from_source(const policy::CredentialSpec& spec, Deadline deadline) {
  co_return not_expired(spec.source.kind == Kind::kVault ? co_await from_vault(spec, deadline)
                                                         : co_await source_of(spec).read(spec, deadline));
}

asio::awaitable<Result<Value>> Keyring::from_vault(const policy::CredentialSpec& spec, Deadline deadline) {
  const auto kept = std::make_shared<const policy::CredentialSpec>(spec);  // a reload may come while it is asked for
  const auto fetch = [this, kept](Deadline by) { return vault_->read(*kept, by); };
  co_return co_await asked_for_.get(vault_key(spec), fingerprint_of(*spec.source.vault), fetch, deadline);
}

asio::awaitable<Result<std::shared_ptr<const Secret>>> Keyring::secret_of(const policy::CredentialSpec& spec,
                                                                          Deadline deadline) {
  auto value = co_await from_source(spec, deadline);
  if (!value) co_return unavailable(spec, value.error());
  if (!exchanges(spec)) given_.insert_or_assign(spec.name, value->secret);
  co_return std::move(value->secret);
}

/// What stands in requests, or signs them.
asio::awaitable<Result<Value>> Keyring::sent(const policy::CredentialSpec& spec, std::optional<GuestIdentity> guest,
                                             Deadline deadline) {
  auto value = exchanges(spec) ? co_await exchanged(spec, std::move(guest), deadline)  //
                               : co_await from_source(spec, deadline);
  if (!value) co_return unavailable(spec, value.error());
  if (!has_one_for_each_guest(spec)) given_.insert_or_assign(spec.name, value->secret);
  co_return value;
}

asio::awaitable<Result<Lease>> Keyring::lease_of(const policy::CredentialSpec& spec, GuestIdentity guest,
                                                 Deadline deadline) {
  const auto value = co_await sent(spec, std::move(guest), deadline);
  if (!value) co_return std::unexpected(value.error());
  auto leased = lease(spec, *value);
  if (!leased) co_return unavailable(spec, leased.error());
  co_return leased;
}

std::optional<Lease> Keyring::lease_at_hand(const policy::CredentialSpec& spec) {
  if (spec.source.kind != Kind::kFile || exchanges(spec)) return std::nullopt;
  const auto value = not_expired(*files_->look(spec));
  if (!value) return std::nullopt;
  given_.insert_or_assign(spec.name, value->secret);
  auto leased = lease(spec, *value);
  return leased ? std::optional(*std::move(leased)) : std::nullopt;
}

asio::awaitable<Result<Keyring::Renewal>> Keyring::renew(const policy::CredentialSpec& spec, Deadline deadline) {
  const auto found = given_.find(spec.name);
  const auto before = found == given_.end() ? nullptr : found->second;
  forget(spec.name);
  std::shared_ptr<const Secret> now;
  if (has_one_for_each_guest(spec)) {
    const auto base = co_await secret_of(spec, deadline);
    if (!base) co_return std::unexpected(base.error());
  } else {
    auto value = co_await sent(spec, std::nullopt, deadline);
    if (!value) co_return std::unexpected(value.error());
    now = std::move(value->secret);
  }
  co_return Renewal{.changed = !before || !now || !same_value(*before, *now), .expires = state_of(spec).expires};
}

asio::awaitable<Result<Value>> Keyring::exchanged(const policy::CredentialSpec& spec,
                                                  std::optional<GuestIdentity> guest, Deadline deadline) {
  const auto base = co_await from_source(spec, deadline);
  if (!base) co_return std::unexpected(base.error());
  auto& known = exchanged_[spec.name];
  if (known && !same_value(*known, *base->secret)) asked_for_.forget(spec.name);  // what was made of another is void
  known = base->secret;
  const auto kept = std::make_shared<const policy::CredentialSpec>(spec);
  const auto fetch = [this, kept, guest](Deadline by) { return mint(kept, guest, by); };
  co_return co_await asked_for_.get(minted_key(spec, guest), fingerprint_of(spec.exchange), fetch, deadline);
}

asio::awaitable<Result<Value>> Keyring::mint(SharedSpec spec, std::optional<GuestIdentity> guest, Deadline deadline) {
  const auto base = co_await from_source(*spec, deadline);
  if (!base) co_return std::unexpected(base.error());
  auto minted = co_await exchange_->mint(spec->name, spec->exchange, base->secret, std::move(guest), deadline);
  if (!minted) co_return std::unexpected(minted.error());
  const auto known = exchanged_.find(spec->name);
  if (known == exchanged_.end() || !same_value(*known->second, *base->secret)) {
    co_return fail(Errc::kUnavailable, "it was replaced or deleted while a token was made of it");
  }
  if (minted->next_base) keep_base(*spec, minted->next_base);
  co_return std::move(minted->value);
}

/// The server has replaced what the source gives (RFC 6749 6): where it is ours to keep, it is kept.
void Keyring::keep_base(const policy::CredentialSpec& spec, std::shared_ptr<const Secret> next) {
  if (spec.source.kind != Kind::kStored) {
    log_warning(
        "credential {}: its server has given another refresh token, which only this process knows: with "
        "source: {{store: true}} it would outlive a restart",
        spec.name);
    return;
  }
  if (const auto stored = store_->set(spec, *next); !stored) {
    log_error("credential {}: the refresh token that its server has given cannot be stored: {}", spec.name,
              stored.error().message);
    return;
  }
  exchanged_[spec.name] = std::move(next);
}

Result<Lease> Keyring::lease(const policy::CredentialSpec& spec, const Value& value) {
  std::erase_if(searched_, [](const auto& entry) { return entry.second.value.expired(); });
  Searched& searched = searched_[value.secret.get()];
  if (!searched.needles) {
    searched = {.value = value.secret, .needles = TRY(needles_for(spec, *value.secret))};
  }
  return Lease{.value = value.secret, .needles = searched.needles};
}

State Keyring::state_of(const policy::CredentialSpec& spec) {
  auto known = spec.source.kind == Kind::kVault ? asked_for_.look(vault_key(spec), fingerprint_of(*spec.source.vault))
                                                : source_of(spec).look(spec);
  if (known) known = not_expired(*std::move(known));
  // Of a credential that is another one for each guest, the source is all that can be told.
  if (known && *known && exchanges(spec) && !has_one_for_each_guest(spec)) {
    known = asked_for_.look(minted_key(spec, std::nullopt), fingerprint_of(spec.exchange));
  }
  if (!known) return {.kind = State::Kind::kNotAsked};
  if (*known) return {.kind = State::Kind::kOk, .expires = (*known)->expires};
  const Error& error = known->error();
  return {.kind = error.code == Errc::kNotFound ? State::Kind::kMissing : State::Kind::kFailing,
          .error = error.message};
}

std::optional<WallClock::time_point> Keyring::end_of(const policy::CredentialSpec& spec) {
  const bool renews_itself = spec.source.kind == Kind::kExec || spec.source.kind == Kind::kVault;
  // Only keys of AWS say until when they are good; no other value is read for this.
  if (renews_itself || spec.source_shape() != policy::CredentialSpec::Shape::kKeyPair) return std::nullopt;
  const auto known = source_of(spec).look(spec);
  if (!known || (!*known && known->error().code == Errc::kNotFound)) return std::nullopt;
  // Keys that are read when they have ended are malformed to their reader: then the end is the one seen before.
  if (*known) ends_.insert_or_assign(spec.name, (*known)->expires);
  const auto seen = ends_.find(spec.name);
  return seen == ends_.end() ? std::nullopt : seen->second;
}

Result<> Keyring::set(const policy::CredentialSpec& spec, const Secret& raw) {
  TRY_VOID(require_stored(spec));
  forget(spec.name);
  return store_->set(spec, raw);
}

Result<> Keyring::erase(const policy::CredentialSpec& spec) {
  TRY_VOID(require_stored(spec));
  forget(spec.name);
  return store_->erase(spec.name);
}

void Keyring::forget(std::string_view name) {
  for (Source* source :
       std::initializer_list<Source*>{files_.get(), service_.get(), commands_.get(), store_.get(), vault_.get()}) {
    source->forget(name);
  }
  asked_for_.forget(name);
  exchange_->forget(name);
  if (const auto found = exchanged_.find(name); found != exchanged_.end()) exchanged_.erase(found);
  if (const auto found = given_.find(name); found != given_.end()) given_.erase(found);
}

}  // namespace enforcer::credentials
