// The two sides of an exchange, whatever version of HTTP each speaks: the guest's (http1_guest_side.h,
// http2_guest_stream.h) and the origin's (http1_origin_side.h, http2_origin_connection.h). A body passes as parts, each
// valid until the next is asked for, so that nobody buffers it whole.
//
// Every wait ends with Conversation's interruptions. "False" and kBroken: the side is broken or interrupted, and every
// later call says so again.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "http/problem.h"
#include "http/request_head.h"
#include "http/response_head.h"

namespace enforcer::proxy {

struct BodyPart {
  enum class Kind : std::uint8_t {
    kData,
    kEnd,        ///< nothing follows but trailers()
    kMalformed,  ///< the framing is ambiguous or broken
    kBroken,     ///< it ended before the body did, or the wait was interrupted
  };
  Kind kind = Kind::kBroken;
  Bytes data{};  ///< kData: valid until the next call
  enum class Next : std::uint8_t {
    kUnknown,
    kBuffered,  ///< the next part is there already
    kLast,      ///< and the end right behind it
    kEnd,       ///< the next part is the end, without trailers
  };
  Next next = Next::kUnknown;
};

using Trailers = std::vector<http::HeaderField>;

class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual boost::asio::awaitable<BodyPart> read_body() = 0;
  /// After kEnd. A guest's are refused, an HTTP/1 origin's dropped (http/body_framing.h): empty there.
  [[nodiscard]] virtual Trailers trailers() { return {}; }
};

class BodySink {
 public:
  virtual ~BodySink() = default;
  /// `next` as the part has it: what is to be followed at once may wait for it, and what is the last can say so.
  /// end_body() follows all the same.
  virtual boost::asio::awaitable<bool> write_body(Bytes data, BodyPart::Next next) = 0;
  virtual boost::asio::awaitable<bool> end_body(const Trailers& trailers) = 0;
  /// Bytes written so far, heads and framing included.
  [[nodiscard]] virtual std::uint64_t written() const = 0;
};

/// What is known of the rest of a request when its answer begins.
enum class RequestRead : std::uint8_t { kWhole, kNotWhole };

/// What becomes of the guest's connection, or of its stream.
enum class After : std::uint8_t {
  kNextRequest,
  kGoodbye,  ///< closed in good order
  kReset,
};

/// One request of a guest, and the answer to it.
class GuestSide : public BodySource, public BodySink {
 public:
  /// "100 Continue".
  virtual boost::asio::awaitable<bool> invite_body() = 0;
  virtual boost::asio::awaitable<bool> send_interim(const http::ResponseHead& head) = 0;
  /// The head of the final response; its body follows. After kNotWhole the rest of the request is not read.
  /// `next` says of the body what BodyPart::next says of the part behind one.
  virtual boost::asio::awaitable<bool> send_head(const http::ResponseHead& head, RequestRead read,
                                                 BodyPart::Next next) = 0;
  /// A whole response of ours.
  virtual boost::asio::awaitable<bool> send_answer(const http::Answer& answer, RequestRead read) = 0;
  /// From now on, behind a 101 that was sent with send_interim(), the connection carries octets both ways.
  virtual void become_tunnel() = 0;
  /// How it can go on behind the response that was sent whole.
  [[nodiscard]] virtual After after_response() const = 0;
  [[nodiscard]] virtual bool speaks_http2() const = 0;
};

/// One request to an origin, and its response.
class OriginSide : public BodySource, public BodySink {
 public:
  virtual boost::asio::awaitable<bool> send_head(const http::RequestHead& head) = 0;
  /// Why there is none. kRefused, kNeedsHttp1: the origin says that it has not looked at the request, which may be sent
  /// again (RFC 9113 8.7), or must be by HTTP/1. kUnsearchable: guarded_origin.h.
  enum class NoHead : std::uint8_t { kMalformed, kBroken, kRefused, kNeedsHttp1, kUnsearchable };
  using Head = std::variant<http::ResponseHead, NoHead>;
  virtual boost::asio::awaitable<Head> read_head() = 0;
  /// Behind a head: whether the first part of the body, or its end, came with it.
  [[nodiscard]] virtual BodyPart::Next next_part() = 0;
  /// Something of a response came.
  [[nodiscard]] virtual bool answered() const = 0;
  /// From now on, behind a 101, the connection carries octets both ways.
  virtual void become_tunnel() = 0;
  /// The response was taken whole and the request given whole: others may use the connection. Without it, what the
  /// side has of a connection is dropped.
  virtual void keep() = 0;
};

}  // namespace enforcer::proxy
