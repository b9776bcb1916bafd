#include "credentials/vault_source.h"

#include "credentials/vault.h"

namespace enforcer::credentials {

namespace asio = boost::asio;

VaultSource::LoginPlace VaultSource::login_place(const policy::VaultPlace& place) {
  return {policy::text_of(place.address), place.name_space, place.role_id, place.secret_id_file};
}

/// A file that is not there is no value that is not there.
Result<std::shared_ptr<const Secret>> VaultSource::read_own(const std::string& path) {
  auto value = files_.read_file(path, path, Shape::kLine, [](std::string_view content) {
    return value_of(content, Shape::kLine, WallClock::now());
  });
  if (!value) return fail(Errc::kUnavailable, std::move(value).error().message);
  return value->secret;
}

asio::awaitable<Result<VaultSource::Token>> VaultSource::token_for(const policy::VaultPlace& place, Deadline deadline) {
  if (!place.token_file.empty()) {
    auto token = read_own(place.token_file);
    if (!token) co_return std::unexpected(std::move(token).error());
    co_return Token{*std::move(token), Token::From::kFile};
  }
  const LoginPlace whom = login_place(place);
  if (const auto kept = logins_.find(whom); kept != logins_.end()) {
    if (Monotonic::now() < kept->second.usable_until) co_return Token{kept->second.token, Token::From::kKeptLogin};
    logins_.erase(kept);
  }
  const auto secret_id = read_own(place.secret_id_file);
  if (!secret_id) co_return std::unexpected(secret_id.error());
  auto request = vault_login_request(place, **secret_id);
  if (!request) co_return std::unexpected(std::move(request).error());
  const std::string at = request->place();
  const auto answer = co_await client_.ask(*std::move(request), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  auto login = read_vault_login(*answer);
  if (!login) co_return fail(Errc::kUnavailable, at + ": AppRole login: " + login.error().message);
  // Not to its very end: it has to last for the request that it is for.
  logins_.insert_or_assign(whom, Login{login->token, Monotonic::now() + login->lifetime * 4 / 5});
  co_return Token{std::move(login->token), Token::From::kFreshLogin};
}

asio::awaitable<Result<WipedString>> VaultSource::read_with(const policy::VaultPlace& place, const Secret& token,
                                                            Deadline deadline) {
  auto request = vault_read_request(place, token);
  if (!request) co_return std::unexpected(std::move(request).error());
  const std::string at = request->place() + request->head.path.path;
  const auto answer = co_await client_.ask(*std::move(request), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  auto text = read_vault_answer(*answer, place.key);
  if (!text) co_return fail_in(at, text.error());
  co_return text;
}

asio::awaitable<Result<Value>> VaultSource::read(const policy::CredentialSpec& spec, Deadline deadline) {
  const policy::VaultPlace& place = *spec.source.vault;
  while (true) {
    auto token = co_await token_for(place, deadline);
    if (!token) co_return std::unexpected(std::move(token).error());
    const auto text = co_await read_with(place, *token->secret, deadline);
    if (text) {
      auto value = value_of(*text, spec.source_shape(), WallClock::now());
      if (!value) co_return fail_in(policy::text_of(place.address), value.error());
      co_return value;
    }
    if (text.error().code != Errc::kDenied || token->from == Token::From::kFile)
      co_return std::unexpected(text.error());
    // Revoked, perhaps, or ended before its time: whoever has logged in again meanwhile keeps that.
    const auto kept = logins_.find(login_place(place));
    if (kept != logins_.end() && kept->second.token == token->secret) logins_.erase(kept);
    if (token->from == Token::From::kFreshLogin) co_return std::unexpected(text.error());
  }
}

}  // namespace enforcer::credentials
