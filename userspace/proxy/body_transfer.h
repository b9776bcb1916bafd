// BodyTransfer: moves one message's body from one stream to another as it comes, framed anew, never more than one
// buffer ahead of the slower side (field note: responses that are buffered whole break streaming clients).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <vector>

#include "http/body_framing.h"
#include "net/byte_stream.h"

namespace enforcer::proxy {

class BodyTransfer {
 public:
  enum class End : std::uint8_t {
    kComplete,
    kMalformed,     ///< the framing is ambiguous or broken
    kSourceEnded,   ///< the source ended in good order before the body did: cut short, unless the body ends with it
    kSourceBroken,  ///< or interrupted
    kSinkBroken,    ///< or interrupted
  };
  struct Framing {
    http::BodyFraming in;
    http::BodyReader::Extras extras;
    http::BodyFraming out;  ///< kLength of the same length, kChunked, or kUntilClose
  };

  /// `buffered` is what was read from `source` already and not consumed; what is left of it afterwards belongs to the
  /// next message. All outlive the transfer.
  BodyTransfer(net::ByteStream& source, std::vector<std::uint8_t>& buffered, net::ByteStream& sink)
      : source_(source), buffered_(buffered), sink_(&sink) {}

  /// Moves everything. `progress` is told after each piece (to move a deadline).
  template <class Progress>
  boost::asio::awaitable<End> run(Framing framing, Progress progress) {
    http::BodyReader reader(framing.in, framing.extras);
    while (true) {
      const End passed = co_await pass_on(reader, framing);
      if (passed != End::kSourceEnded) co_return passed;
      const End more = co_await read_more();
      if (more == End::kSourceEnded && framing.in.kind == http::BodyFraming::Kind::kUntilClose) {
        co_return co_await finish(framing);
      }
      if (more != End::kComplete) co_return more;
      progress();
    }
  }

  /// From now on the body is read to its end and sent nowhere: nobody wants it any more.
  void discard() { sink_ = nullptr; }

  [[nodiscard]] std::uint64_t sent() const { return sent_; }  ///< bytes of data and framing

 private:
  /// What is buffered. kSourceEnded: more must be read.
  boost::asio::awaitable<End> pass_on(http::BodyReader& reader, const Framing& framing);
  /// kComplete: something was read.
  boost::asio::awaitable<End> read_more();
  boost::asio::awaitable<End> finish(const Framing& framing);
  boost::asio::awaitable<bool> send(Bytes bytes);

  net::ByteStream& source_;
  std::vector<std::uint8_t>& buffered_;
  net::ByteStream* sink_;
  std::vector<std::uint8_t> chunks_;
  std::uint64_t sent_ = 0;
};

}  // namespace enforcer::proxy
