#include "credentials/token_exchange.h"

#include "credentials/assume_role.h"
#include "credentials/github_app.h"
#include "credentials/oauth2.h"

namespace enforcer::credentials {

namespace asio = boost::asio;

asio::awaitable<Result<TokenExchange::Minted>> TokenExchange::mint(std::string credential,
                                                                   policy::CredentialExchange exchange,
                                                                   std::shared_ptr<const Secret> base,
                                                                   std::optional<GuestIdentity> guest,
                                                                   Deadline deadline) {
  if (auto* oauth2 = std::get_if<policy::Oauth2Exchange>(&exchange)) {
    co_return co_await mint_oauth2(std::move(credential), std::move(*oauth2), std::move(base), deadline);
  }
  if (const auto* github = std::get_if<policy::GithubAppExchange>(&exchange)) {
    auto request = github_app_request(*github, *base, WallClock::now());
    if (!request) co_return std::unexpected(std::move(request).error());
    co_return co_await ask(*std::move(request), read_github_app_answer, deadline);
  }
  ENFORCER_CHECK(guest.has_value());
  auto request = signed_request(std::get<policy::AssumeRoleExchange>(exchange), *base, *guest);
  if (!request) co_return std::unexpected(std::move(request).error());
  co_return co_await ask(*std::move(request), read_assume_role_answer, deadline);
}

Result<HttpsRequest> TokenExchange::signed_request(const policy::AssumeRoleExchange& exchange, const Secret& base,
                                                   const GuestIdentity& guest) const {
  HttpsRequest request = TRY(assume_role_request(exchange, guest));
  TRY_VOID(sign_(request, exchange.region, base, WallClock::now()));
  return request;
}

asio::awaitable<Result<TokenExchange::Minted>> TokenExchange::ask(
    HttpsRequest request, Result<Value> (*read)(const HttpsResponse&, WallClock::time_point), Deadline deadline) {
  const std::string place = request.place();
  const auto answer = co_await client_.ask(std::move(request), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  auto value = read(*answer, WallClock::now());
  if (!value) co_return fail_in(place, value.error());
  co_return Minted{.value = *std::move(value)};
}

/// A source that has got another value since, or another server, begins anew with what it gives.
std::shared_ptr<const Secret> TokenExchange::refresh_token_of(const std::string& credential,
                                                              const policy::Oauth2Exchange& exchange,
                                                              std::shared_ptr<const Secret> base) {
  const auto found = rotations_.find(credential);
  if (found == rotations_.end()) return base;
  const Rotation& rotation = found->second;
  if (rotation.exchange == exchange && same_value(*rotation.base, *base)) return rotation.next;
  rotations_.erase(found);
  return base;
}

asio::awaitable<Result<TokenExchange::Minted>> TokenExchange::mint_oauth2(std::string credential,
                                                                          policy::Oauth2Exchange exchange,
                                                                          std::shared_ptr<const Secret> base,
                                                                          Deadline deadline) {
  const bool refreshes = exchange.grant == policy::Oauth2Exchange::Grant::kRefreshToken;
  const auto used = refreshes ? refresh_token_of(credential, exchange, base) : base;
  auto request = oauth2_request(exchange, *used, WallClock::now());
  if (!request) co_return std::unexpected(std::move(request).error());
  const std::string place = request->place();
  const auto response = co_await client_.ask(*std::move(request), deadline);
  if (!response) co_return std::unexpected(response.error());
  auto answer = read_oauth2_answer(*response, WallClock::now());
  if (!answer) {
    // What came in place of the source's is of no use any more; perhaps the source's is.
    if (answer.error().code == Errc::kDenied) rotations_.erase(credential);
    co_return fail_in(place, answer.error());
  }
  Minted minted{.value = std::move(answer->token)};
  if (refreshes && answer->next_refresh_token) {
    minted.next_base = answer->next_refresh_token;
    rotations_.insert_or_assign(std::move(credential),
                                Rotation{std::move(exchange), std::move(base), minted.next_base});
  }
  co_return minted;
}

void TokenExchange::forget(std::string_view credential) {
  if (const auto found = rotations_.find(credential); found != rotations_.end()) rotations_.erase(found);
}

}  // namespace enforcer::credentials
