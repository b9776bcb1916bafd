// Http2Connection: what both ends of HTTP/2 have in common: octets between a stream and the codec, and which of our
// streams each event is for.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <vector>

#include "http/http2_codec.h"
#include "net/byte_stream.h"
#include "net/signal.h"

namespace enforcer::proxy {

class Guest;
class Http2Stream;
class Worker;

class Http2Connection : public http::Http2Codec::Events {
 public:
  [[nodiscard]] Worker& worker() { return worker_; }
  /// Whose connection it is, or for whom it was made.
  [[nodiscard]] Guest& guest() { return *guest_; }
  [[nodiscard]] http::Http2Codec& codec() { return *codec_; }
  /// The codec was told something: what comes of it is to be sent.
  void kick() { sending_.notify(); }

  void remember(http::StreamId id, Http2Stream& stream) { streams_[id] = &stream; }
  virtual void forget(http::StreamId id) { streams_.erase(id); }

 protected:
  Http2Connection(Worker& worker, std::shared_ptr<Guest> guest);
  virtual ~Http2Connection();
  /// kUnavailable: out of memory.
  Result<> open(http::Http2Codec::Role role);

  /// Moves octets both ways until the connection is over, or closing() was said. `received` was read already.
  boost::asio::awaitable<void> exchange_frames(net::ByteStream& stream, std::vector<std::uint8_t> received);
  /// What is there is sent, and no more.
  void closing();
  [[nodiscard]] bool is_closing() const { return closing_; }
  [[nodiscard]] Http2Stream* find(http::StreamId id);

  /// Around each write.
  virtual void send_begins() {}
  virtual void send_ended() {}
  /// Nothing more comes from the peer, or the codec has ended the connection.
  virtual void read_ended() = 0;

  void data_came(http::StreamId id, Bytes data) override;
  void trailers_came(http::StreamId id, http::Http2Fields trailers) override;
  void body_ended(http::StreamId id) override;
  void data_taken(http::StreamId id) override;
  void end_sent(http::StreamId id) override;
  void malformed(http::StreamId id) override;
  void stream_closed(http::StreamId id, http::Http2Error error) override;
  /// Every stream is over: the connection is.
  void close_streams(http::Http2Error error);

 private:
  boost::asio::awaitable<void> read_frames(net::ByteStream& stream, std::vector<std::uint8_t> received);
  boost::asio::awaitable<void> write_frames(net::ByteStream& stream);

  Worker& worker_;
  const std::shared_ptr<Guest> guest_;
  std::unique_ptr<http::Http2Codec> codec_;
  std::map<http::StreamId, Http2Stream*> streams_;
  net::Signal sending_;
  bool closing_ = false;
};

}  // namespace enforcer::proxy
