// Http2OriginConnection: HTTP/2 with an origin: the requests of one guest, side by side. It lives as long as somebody
// uses it or the pool keeps it, and its own coroutine runs.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "base/deadline.h"
#include "http/http2_fields.h"
#include "proxy/http2_connection.h"
#include "proxy/http2_stream.h"
#include "proxy/interruptible.h"
#include "proxy/message_sides.h"
#include "proxy/origin_connection.h"

namespace enforcer::proxy {

class Http2OriginSide;

class Http2OriginConnection final : public Http2Connection, public std::enable_shared_from_this<Http2OriginConnection> {
 public:
  /// Runs until close(), or until the origin ends it.
  static std::shared_ptr<Http2OriginConnection> start(Worker& worker, std::shared_ptr<Guest> guest,
                                                      std::unique_ptr<OriginConnection> connection);

  [[nodiscard]] const OriginKey& key() const { return connection_->key(); }
  [[nodiscard]] const OriginConnection& connection() const { return *connection_; }
  [[nodiscard]] bool has_room();
  [[nodiscard]] bool over() const { return over_; }
  /// Since when no request uses it.
  [[nodiscard]] std::optional<Monotonic::time_point> idle_since() const { return idle_since_; }

  /// One more request, or null: it takes none.
  std::unique_ptr<Http2OriginSide> open();
  void close();

 private:
  friend class Http2OriginSide;
  Http2OriginConnection(Worker& worker, std::shared_ptr<Guest> guest, std::unique_ptr<OriginConnection> connection);
  boost::asio::awaitable<void> run();
  void read_ended() override;
  void head_came(http::StreamId id, http::Http2Fields head, http::Http2End end) override;
  void side_gone();

  const std::unique_ptr<OriginConnection> connection_;
  std::size_t sides_ = 0;
  bool over_ = false;
  std::optional<Monotonic::time_point> idle_since_ = Monotonic::now();
};

/// One request on it.
class Http2OriginSide final : public OriginSide, public Interruptible, private Http2Stream {
 public:
  explicit Http2OriginSide(std::shared_ptr<Http2OriginConnection> connection);
  ~Http2OriginSide() override;

  boost::asio::awaitable<bool> send_head(const http::RequestHead& head) override;
  boost::asio::awaitable<bool> write_body(Bytes data, BodyPart::Next next) override;
  boost::asio::awaitable<bool> end_body(const Trailers& trailers) override;
  [[nodiscard]] std::uint64_t written() const override { return written_; }
  boost::asio::awaitable<Head> read_head() override;
  [[nodiscard]] BodyPart::Next next_part() override {
    return bodiless_ ? BodyPart::Next::kUnknown : Http2Stream::next_part();
  }
  boost::asio::awaitable<BodyPart> read_body() override;
  [[nodiscard]] Trailers trailers() override { return Http2Stream::trailers(); }
  [[nodiscard]] bool answered() const override { return answered_; }
  void become_tunnel() override { ENFORCER_CHECK(false); }  // a WebSocket is asked for by HTTP/1
  void keep() override {}
  void interrupt(Errc /*why*/) override { Http2Stream::interrupt(); }

 private:
  friend class Http2OriginConnection;
  void head_came(http::ResponseOutcome head);
  [[nodiscard]] NoHead why_none() const;

  const std::shared_ptr<Http2OriginConnection> owner_;
  std::string method_;
  bool body_follows_ = false;
  bool bodiless_ = false;  ///< the response to HEAD, 204, 304
  std::deque<http::ResponseOutcome> heads_;
  bool answered_ = false;
  std::uint64_t written_ = 0;
};

}  // namespace enforcer::proxy
