// Http2GuestStream: one request that a guest sent by HTTP/2, and the conversation about it: decisions of its own, a
// deadline of its own (invariant 12).
#pragma once

#include "proxy/conversation.h"
#include "proxy/http2_stream.h"
#include "proxy/message_sides.h"

namespace enforcer::proxy {

class Http2GuestStream final : public GuestSide, public Conversation, private Http2Stream {
 public:
  /// `session`: whose connection it came by; it outlives the stream.
  Http2GuestStream(Http2Connection& connection, Decisions& session, http::StreamId id, http::Http2End body);
  ~Http2GuestStream() override;

  boost::asio::awaitable<BodyPart> read_body() override;
  boost::asio::awaitable<bool> invite_body() override;
  boost::asio::awaitable<bool> send_interim(const http::ResponseHead& head) override;
  boost::asio::awaitable<bool> send_head(const http::ResponseHead& head, RequestRead read,
                                         BodyPart::Next next) override;
  boost::asio::awaitable<bool> write_body(Bytes data, BodyPart::Next next) override;
  boost::asio::awaitable<bool> end_body(const Trailers& trailers) override;
  boost::asio::awaitable<bool> send_answer(const http::Answer& answer, RequestRead read) override;
  /// Not by HTTP/2: extended CONNECT is not offered, and a request for it is malformed.
  void become_tunnel() override { ENFORCER_CHECK(false); }
  [[nodiscard]] std::uint64_t written() const override { return written_; }
  /// A stream has no next request: it ended well.
  [[nodiscard]] After after_response() const override { return After::kGoodbye; }
  [[nodiscard]] bool speaks_http2() const override { return true; }

  /// The whole connection is gone.
  void connection_ended();

 private:
  void interrupt_guest(Errc why) override;
  void closed(http::Http2Error error) override;

  Decisions own_;
  bool body_follows_ = false;
  bool answered_ = false;  ///< our side has ended
  std::uint64_t written_ = 0;
};

}  // namespace enforcer::proxy
