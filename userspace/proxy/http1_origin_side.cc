#include "proxy/http1_origin_side.h"

#include "base/give_back.h"
#include "base/secret.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

Http1OriginSide::Http1OriginSide(std::unique_ptr<OriginConnection> connection, OriginPool& pool)
    : connection_(std::move(connection)),
      pool_(pool),
      body_(connection_->stream(), connection_->received()),
      writer_(connection_->stream()) {}

asio::awaitable<bool> Http1OriginSide::send_head(const http::RequestHead& head) {
  method_ = head.method;
  writer_.begin(head.body.kind);
  std::string text = http::serialise(head);
  const bool sent = co_await writer_.send(as_bytes(text));
  wipe(text);  // a credential may be in it
  co_return sent;
}

asio::awaitable<bool> Http1OriginSide::write_body(Bytes data, BodyPart::Next next) {
  return writer_.write(data, next);
}

asio::awaitable<bool> Http1OriginSide::end_body(const Trailers& /*trailers*/) {
  return writer_.end();
}

asio::awaitable<OriginSide::Head> Http1OriginSide::read_head() {
  http::ResponseHeadReader reader(method_);
  std::vector<std::uint8_t>& received = connection_->received();
  while (true) {
    auto outcome = reader.read(received);
    if (auto* head = std::get_if<http::ResponseHead>(&outcome)) {
      received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(reader.head_size()));
      ends_ = head->connection == http::Connection::kClose;
      body_.begin(head->body, http::BodyReader::Extras::kDropped);
      co_return std::move(*head);
    }
    if (std::holds_alternative<http::ResponseMalformed>(outcome)) co_return NoHead::kMalformed;
    const std::size_t before = received.size();
    received.resize(before + net::kHeadReadSize);
    const auto count = co_await connection_->stream().read_some(std::span(received).subspan(before));
    received.resize(before + count.value_or(0));
    if (count.value_or(0) == 0) co_return NoHead::kBroken;
    answered_ = true;
  }
}

void Http1OriginSide::become_tunnel() {
  body_.begin({http::BodyFraming::Kind::kUntilClose}, http::BodyReader::Extras::kDropped);
  writer_.begin_tunnel();
  ends_ = true;
}

void Http1OriginSide::keep() {
  if (ends_) return;
  if (connection_->received().empty()) give_back(connection_->received());
  pool_.give_back(std::move(connection_));
}

}  // namespace enforcer::proxy
