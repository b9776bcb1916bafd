#include "credentials/trial.h"

#include <fmt/format.h>

#include "credentials/aws_keys.h"
#include "credentials/injection.h"
#include "credentials/sigv4.h"

namespace enforcer::credentials {

namespace asio = boost::asio;

namespace {

using As = policy::CredentialSpec::Injection::As;

Result<> put_in(const policy::CredentialSpec::Injection& binding, const Secret& value, http::RequestHead& head) {
  if (binding.as != As::kSigV4) return inject(binding, value, head);
  return sign_own(head, "", binding.regions.front(), binding.services.front(), keys_in(value), WallClock::now());
}

}  // namespace

asio::awaitable<Result<unsigned>> try_credential(HttpsClient& client, const policy::CredentialSpec& spec, Lease lease,
                                                 HostName host, Port port, std::string target, Deadline deadline) {
  const auto* binding = spec.binding_for(host, port);
  if (binding == nullptr) co_return fail(Errc::kConflict, fmt::format("credential {} is not bound to it", spec.name));
  const auto question = target.find('?');
  const std::string path = target.substr(0, question);
  auto request = HttpsRequest::make("GET", {.host = std::move(host), .port = port, .path = path});
  if (!request) co_return std::unexpected(std::move(request).error());
  if (question != std::string::npos) request->head.path.query = target.substr(question + 1);
  request->wants_body = false;
  if (const auto put = put_in(*binding, *lease.value, request->head); !put) co_return std::unexpected(put.error());
  const auto answer = co_await client.ask(*std::move(request), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  co_return answer->status;
}

}  // namespace enforcer::credentials
