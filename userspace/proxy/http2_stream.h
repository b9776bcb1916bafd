// Http2Stream: one stream of an HTTP/2 connection for the coroutines that read and write its two bodies. What arrives
// is kept until it is read, one window of it (http/http2_codec.h); what is written is taken by the connection straight
// from the writer's buffer, so that a slow peer slows the writer down and nothing piles up.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <vector>

#include "http/http2_codec.h"
#include "net/signal.h"
#include "proxy/message_sides.h"

namespace enforcer::proxy {

class Http2Connection;

class Http2Stream {
 public:
  /// `left_with`: what the peer is told when the stream is dropped before its end.
  Http2Stream(Http2Connection& connection, http::Http2Error left_with);
  virtual ~Http2Stream() = default;
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  boost::asio::awaitable<BodyPart> read();
  /// Whether read() will have to wait.
  [[nodiscard]] BodyPart::Next next_part() const;
  /// kEnd: END_STREAM goes with the last octet, and end() only waits.
  boost::asio::awaitable<bool> write(Bytes data, BodyPart::Next next);
  /// Nothing more from us; waits until that has left.
  boost::asio::awaitable<bool> end(Trailers trailers);
  /// The same where the head said it already.
  boost::asio::awaitable<bool> wait_for_end_sent();

  /// Ends every wait.
  void interrupt();
  [[nodiscard]] bool open() const { return !closed_ && !interrupted_; }
  [[nodiscard]] bool is_malformed() const { return malformed_; }
  [[nodiscard]] std::optional<http::Http2Error> closed_with() const { return closed_; }
  [[nodiscard]] http::StreamId id() const { return id_; }
  [[nodiscard]] const Trailers& trailers() const { return trailers_; }

  // ---- What the connection tells.
  void starts_as(http::StreamId id, http::Http2End body);
  void data_came(Bytes data);
  void body_ended();
  void trailers_came(Trailers trailers) { trailers_ = std::move(trailers); }
  void data_taken();
  void end_sent();
  void malformed();
  virtual void closed(http::Http2Error error);

 protected:
  /// The connection hears no more of it: in the destructor of who knows that the connection still lives.
  void leave();
  Http2Connection& connection() { return connection_; }
  [[nodiscard]] net::Signal& reading() { return reading_; }

 private:
  Http2Connection& connection_;
  const http::Http2Error left_with_;
  http::StreamId id_ = 0;
  std::vector<std::uint8_t> arrived_;
  std::vector<std::uint8_t> reading_now_;  ///< the part that the reader has
  std::uint64_t read_ = 0;
  bool wide_ = false;
  bool body_ended_ = false;
  bool end_said_ = false;  ///< the codec knows that nothing follows
  bool end_sent_ = false;
  bool taken_ = true;
  bool malformed_ = false;
  bool interrupted_ = false;
  std::optional<http::Http2Error> closed_;
  Trailers trailers_;
  net::Signal reading_;
  net::Signal writing_;
};

}  // namespace enforcer::proxy
