// Http1OriginSide: one request to an origin that speaks HTTP/1, and its response, on a connection of its own for as
// long as it takes.
#pragma once

#include <memory>

#include "proxy/http1_body_source.h"
#include "proxy/http1_body_writer.h"
#include "proxy/message_sides.h"
#include "proxy/origin_pool.h"

namespace enforcer::proxy {

class Http1OriginSide final : public OriginSide, public Interruptible {
 public:
  /// keep() gives the connection to `pool`.
  Http1OriginSide(std::unique_ptr<OriginConnection> connection, OriginPool& pool);

  boost::asio::awaitable<bool> send_head(const http::RequestHead& head) override;
  boost::asio::awaitable<bool> write_body(Bytes data, BodyPart::Next next) override;
  boost::asio::awaitable<bool> end_body(const Trailers& trailers) override;
  [[nodiscard]] std::uint64_t written() const override { return writer_.written(); }
  boost::asio::awaitable<Head> read_head() override;
  [[nodiscard]] BodyPart::Next next_part() override { return body_.next_part(); }
  boost::asio::awaitable<BodyPart> read_body() override { return body_.next(); }
  [[nodiscard]] bool answered() const override { return answered_; }
  void become_tunnel() override;
  void keep() override;
  void interrupt(Errc why) override { connection_->stream().interrupt(why); }

 private:
  std::unique_ptr<OriginConnection> connection_;
  OriginPool& pool_;
  std::string method_;
  Http1BodySource body_;
  Http1BodyWriter writer_;
  bool answered_ = false;
  bool ends_ = false;  ///< the origin closes its connection behind the response
};

}  // namespace enforcer::proxy
