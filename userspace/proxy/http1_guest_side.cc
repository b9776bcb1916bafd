#include "proxy/http1_guest_side.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

Http1GuestSide::Http1GuestSide(net::ByteStream& guest, std::vector<std::uint8_t>& received, http::Version version,
                               http::Connection connection, const http::BodyFraming& body)
    : version_(version), connection_(connection), body_(guest, received), writer_(guest) {
  body_.begin(body, http::BodyReader::Extras::kRefused);
}

asio::awaitable<bool> Http1GuestSide::invite_body() {
  return writer_.send(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
}

/// RFC 9110 15.2: HTTP/1.0 knows none.
asio::awaitable<bool> Http1GuestSide::send_interim(const http::ResponseHead& head) {
  if (version_ == http::Version::kHttp10) co_return true;
  const std::string text = http::serialise(head, http::Version::kHttp11, http::Connection::kKeepAlive);
  co_return co_await writer_.send(as_bytes(text));
}

std::string Http1GuestSide::begin(const http::ResponseHead& head, RequestRead read) {
  const http::BodyFraming out = http::framing_towards(head, version_);
  const bool ends = connection_ == http::Connection::kClose || read == RequestRead::kNotWhole ||
                    out.kind == http::BodyFraming::Kind::kUntilClose;
  after_ = ends ? After::kGoodbye : After::kNextRequest;
  writer_.begin(out.kind);
  return http::serialise(head, version_, ends ? http::Connection::kClose : http::Connection::kKeepAlive);
}

asio::awaitable<bool> Http1GuestSide::send_head(const http::ResponseHead& head, RequestRead read, BodyPart::Next next) {
  const std::string text = begin(head, read);
  if (next != BodyPart::Next::kUnknown) {
    writer_.hold(text);
    co_return true;
  }
  co_return co_await writer_.send(as_bytes(text));
}

asio::awaitable<bool> Http1GuestSide::write_body(Bytes data, BodyPart::Next next) {
  return writer_.write(data, next);
}

asio::awaitable<bool> Http1GuestSide::end_body(const Trailers& /*trailers*/) {
  return writer_.end();
}

void Http1GuestSide::become_tunnel() {
  body_.begin({http::BodyFraming::Kind::kUntilClose}, http::BodyReader::Extras::kRefused);
  writer_.begin_tunnel();
  after_ = After::kGoodbye;
}

asio::awaitable<bool> Http1GuestSide::send_answer(const http::Answer& answer, RequestRead read) {
  const std::string text = begin(answer.head, read) + answer.body;
  co_return co_await writer_.send(as_bytes(text));
}

}  // namespace enforcer::proxy
