// Http1GuestSide: one request of a guest that speaks HTTP/1, and the answer to it, on a connection that carries one
// after the other.
#pragma once

#include <string>
#include <vector>

#include "proxy/http1_body_source.h"
#include "proxy/http1_body_writer.h"
#include "proxy/message_sides.h"

namespace enforcer::proxy {

class Http1GuestSide final : public GuestSide {
 public:
  /// `received`: read from the guest and not consumed, the request's body first. It and the stream outlive the side.
  Http1GuestSide(net::ByteStream& guest, std::vector<std::uint8_t>& received, http::Version version,
                 http::Connection connection, const http::BodyFraming& body);

  boost::asio::awaitable<BodyPart> read_body() override { return body_.next(); }
  boost::asio::awaitable<bool> invite_body() override;
  boost::asio::awaitable<bool> send_interim(const http::ResponseHead& head) override;
  boost::asio::awaitable<bool> send_head(const http::ResponseHead& head, RequestRead read,
                                         BodyPart::Next next) override;
  boost::asio::awaitable<bool> write_body(Bytes data, BodyPart::Next next) override;
  boost::asio::awaitable<bool> end_body(const Trailers& trailers) override;
  boost::asio::awaitable<bool> send_answer(const http::Answer& answer, RequestRead read) override;
  void become_tunnel() override;
  [[nodiscard]] std::uint64_t written() const override { return writer_.written(); }
  [[nodiscard]] After after_response() const override { return after_; }
  [[nodiscard]] bool speaks_http2() const override { return false; }

 private:
  std::string begin(const http::ResponseHead& head, RequestRead read);

  const http::Version version_;
  const http::Connection connection_;
  Http1BodySource body_;
  Http1BodyWriter writer_;
  After after_ = After::kReset;
};

}  // namespace enforcer::proxy
