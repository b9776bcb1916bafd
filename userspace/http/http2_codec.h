// Http2Codec: HTTP/2 frames in and out (RFC 9113), one connection, either role, over nghttp2. It does no I/O and
// decides nothing: octets that arrived go in, events come out; commands go in, octets to be sent come out.
//
// What is ours on top of nghttp2:
//   flow control   a stream's window opens only as its body is passed on (consumed()), so what a stream can make us
//                  hold is one window: kWindow octets, kWideWindow for one that has shown that it flows
//   bounds         decoded fields of one head, frames that carry nothing (PING, SETTINGS, PRIORITY, empty DATA, ...),
//                  heads for streams that are over, resets, refusals, and what waits for a peer that reads nothing: all
//                  have budgets, and who overspends gets GOAWAY(ENHANCE_YOUR_CALM) (CVE-2023-44487, CVE-2019-9512 to
//                  -9518, CVE-2024-27316, CVE-2025-8671)
//   refusals       push, extended CONNECT and trailers of a request do not exist
//
// nghttp2 checks the grammar of fields and pseudo-fields, and that DATA is as long as content-length says; what is
// wrong resets the stream, and malformed() tells.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "http/message.h"
#include "net/rate_limit.h"

struct nghttp2_session;

namespace enforcer::http {

using StreamId = std::int32_t;

/// RFC 9113 7.
enum class Http2Error : std::uint32_t {
  kNone = 0x0,
  kProtocol = 0x1,
  kInternal = 0x2,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kEnhanceYourCalm = 0xb,
  kHttp11Required = 0xd,
};

/// The decoded fields of one head, pseudo-fields first; names are in lower case.
struct Http2Fields {
  std::vector<HeaderField> fields;
  bool too_large = false;  ///< more than kMaxHead octets or kMaxFields: `fields` is not whole
};

enum class Http2End : std::uint8_t { kMoreFollows, kEndsHere };

class Http2Codec {
 public:
  enum class Role : std::uint8_t { kServer, kClient };

  /// What happened. Called from inside receive() and output(); commands to the codec may be given, but for those two.
  class Events {
   public:
    /// A request's head (kServer), or a response's, an interim one too (kClient).
    virtual void head_came(StreamId stream, Http2Fields head, Http2End end) = 0;
    virtual void trailers_came(StreamId stream, Http2Fields trailers) = 0;
    /// Counts against the stream's window until consumed().
    virtual void data_came(StreamId stream, Bytes data) = 0;
    virtual void body_ended(StreamId stream) = 0;
    /// What was offered has been taken: more may be offered.
    virtual void data_taken(StreamId stream) = 0;
    /// The last frame of our side has left.
    virtual void end_sent(StreamId stream) = 0;
    /// The peer broke a rule in this stream, which has been reset; perhaps it was never told of by head_came().
    virtual void malformed(StreamId stream) = 0;
    /// The stream is over, well or not: `error` is the peer's word, or ours.
    virtual void stream_closed(StreamId stream, Http2Error error) = 0;

   protected:
    ~Events() = default;
  };

  static constexpr std::int32_t kWindow = 64 * 1024 - 1;  // RFC 9113 6.9.2
  static constexpr std::int32_t kWideWindow = 1 << 20;
  static constexpr std::uint32_t kMaxStreams = 128;

  /// `events` outlive the codec. kUnavailable: out of memory.
  static Result<std::unique_ptr<Http2Codec>> make(Role role, Events& events);
  ~Http2Codec();

  /// Takes what arrived. An error ends the connection, once output() is sent; fault() says what kind of error.
  Result<> receive(Bytes bytes);
  /// What is to be sent next, valid until the next call of anything; empty: nothing now.
  Bytes output();
  /// Both sides have said their last.
  [[nodiscard]] bool over() const;
  /// The error of the connection, or kNone.
  [[nodiscard]] Http2Error fault() const { return fault_; }

  /// kClient: a new request. kUnavailable: the connection takes no more.
  Result<StreamId> request(const std::vector<HeaderField>& fields, Http2End end);
  /// kServer: the final head of a response, or an interim one.
  void respond(StreamId stream, const std::vector<HeaderField>& fields, Http2End end);
  void interim(StreamId stream, const std::vector<HeaderField>& fields);

  /// More of the body; `data` stays valid until data_taken(), stream_closed() or withdraw(). kEndsHere: END_STREAM goes
  /// with its last octet, and end_body() is not called.
  void offer(StreamId stream, Bytes data, Http2End end);
  /// What was offered and not taken is not sent, nor an end behind it.
  void withdraw(StreamId stream);
  void end_body(StreamId stream, std::vector<HeaderField> trailers);
  /// So many octets of the stream's body were passed on.
  void consumed(StreamId stream, std::size_t octets);
  void widen(StreamId stream);
  void reset(StreamId stream, Http2Error error);
  /// Nothing that comes for this stream means anything.
  [[nodiscard]] bool is_over(StreamId stream) const;
  /// GOAWAY, and no more streams.
  void terminate(Http2Error error);

  /// kClient: how many requests the peer takes at once, and whether it takes new ones.
  [[nodiscard]] std::uint32_t max_streams() const;
  [[nodiscard]] bool takes_requests() const;

 private:
  struct Callbacks;
  struct SessionDeleter {
    void operator()(nghttp2_session* session) const;
  };
  struct Outgoing {
    Bytes pending;
    bool ended = false;
    std::vector<HeaderField> trailers;
  };

  Http2Codec(Role role, Events& events);
  Result<> open();
  void spend(net::RateLimit& budget);
  void overspent();

  const Role role_;
  Events& events_;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  Http2Fields block_;             ///< of the head that is just being received
  std::size_t block_octets_ = 0;  ///< decoded
  std::map<StreamId, Outgoing> outgoing_;
  net::RateLimit idle_frames_;  ///< frames that carry nothing
  net::RateLimit resets_;
  StreamId last_head_ = 0;  ///< the highest that had a head
  int credit_ = 0;          ///< window updates and pings that our own DATA explains
  Http2Error fault_ = Http2Error::kNone;
};

}  // namespace enforcer::http
