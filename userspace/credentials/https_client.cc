#include "credentials/https_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/secret.h"
#include "credentials/https_answer.h"
#include "tls/stream.h"

namespace enforcer::credentials {

namespace asio = boost::asio;

namespace {

/// RFC 9110 5.5, without obs-text: a line break in a value would be a field of its own.
Result<> check_fields(const http::RequestHead& head) {
  const auto harmless = [](char c) { return ascii::is_printable(c) || c == '\t'; };
  for (const http::HeaderField& field : head.fields) {
    if (!std::ranges::all_of(field.value, harmless)) {
      return fail(Errc::kInvalid, fmt::format("what goes into the header '{}' is not visible ASCII", field.name));
    }
  }
  return {};
}

WipedString message_of(const HttpsRequest& request) {
  std::string head = http::serialise(request.head);
  WipedString message;
  message.reserve(head.size() + request.body.size());
  message += head;
  message += request.body;
  wipe(head);
  return message;
}

/// What failed, where the cause is a wait or what the peer did.
std::unexpected<Error> failed_to(std::string_view what, const Error& cause) {
  if (cause.code == Errc::kTimeout) return fail(Errc::kTimeout, fmt::format("{}: no answer in time", what));
  return fail(Errc::kUnavailable, fmt::format("{}: {}", what, cause.message));
}

asio::awaitable<Result<HttpsResponse>> read_answer(net::ByteStream& stream, std::string method,
                                                   HttpsAnswerReader::Read what) {
  HttpsAnswerReader reader(std::move(method), what);
  WipedBytes buffer(net::kBodyReadSize);
  while (true) {
    const auto count = co_await stream.read_some(buffer);
    if (!count) co_return failed_to("cannot read its answer", count.error());
    if (*count == 0) co_return reader.end();
    auto answer = reader.feed(Bytes(buffer).first(*count));
    if (!answer) co_return std::unexpected(std::move(answer).error());
    if (*answer) co_return **std::move(answer);
  }
}

}  // namespace

asio::awaitable<Result<HttpsResponse>> HttpsClient::ask(HttpsRequest request, Deadline deadline) {
  auto answer = co_await exchange(request, deadline);
  if (!answer) co_return fail_in(request.place(), answer.error());
  answer->confidential = std::move(request.confidential);
  co_return answer;
}

asio::awaitable<Result<HttpsResponse>> HttpsClient::exchange(const HttpsRequest& request, Deadline deadline) {
  if (auto sendable = check_fields(request.head); !sendable) co_return std::unexpected(std::move(sendable).error());
  const http::Authority& whom = request.head.authority;
  ENFORCER_CHECK(whom.name() != nullptr);  // HttpsUrl has no other
  auto socket = co_await connector_.connect(*whom.name(), whom.port.value_or(kHttpsPort), deadline);
  if (!socket) co_return failed_to("cannot connect", socket.error());
  if (stopped_) co_return fail(Errc::kUnavailable, "enforcerd ends");
  const InterruptAt guard(wheel_, deadline, **socket, open_);
  const tls::ApplicationProtocols protocols{tls::ApplicationProtocol::kHttp1};
  auto made = tls::Stream::connect(**socket, trust_, *whom.name(), protocols);
  if (!made) co_return failed_to("cannot begin TLS", made.error());
  tls::Stream& stream = **made;
  if (const auto shaken = co_await stream.handshake(); !shaken) {
    co_return failed_to(fmt::format("no TLS ({})", tls::label(stream.fault())), shaken.error());
  }
  const WipedString message = message_of(request);
  if (const auto sent = co_await stream.write_all(as_bytes(message)); !sent) {
    co_return failed_to("cannot send", sent.error());
  }
  using Read = HttpsAnswerReader::Read;
  auto answer = co_await read_answer(stream, request.head.method, request.wants_body ? Read::kAll : Read::kHead);
  stream.end_writing();
  co_return answer;
}

void HttpsClient::stop() {
  stopped_ = true;
  connector_.stop();
  for (auto* each : open_) each->interrupt(Errc::kUnavailable);
}

}  // namespace enforcer::credentials
