// BodyTransfer: moves one message's body from one side to the other as it comes, part by part: a response that were
// buffered whole would break streaming clients.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>

#include "proxy/message_sides.h"

namespace enforcer::proxy {

class BodyTransfer {
 public:
  enum class End : std::uint8_t {
    kComplete,
    kMalformed,     ///< the framing is ambiguous or broken
    kSourceBroken,  ///< it ended before the body did, or was interrupted
    kSinkBroken,    ///< or interrupted
  };

  /// What the transfer does next: reading waits for the source, writing for the sink.
  enum class Step : std::uint8_t { kReading, kWriting };

  /// Both outlive the transfer.
  BodyTransfer(BodySource& source, BodySink& sink) : source_(source), sink_(&sink) {}

  /// Moves everything. `before` is told before each step, and how many octets a kWriting will pass on (to move a
  /// deadline, and to look at a limit before what exceeds it is gone).
  template <class Before>
  boost::asio::awaitable<End> run(Before before) {
    while (true) {
      before(Step::kReading, 0);
      const BodyPart part = co_await source_.read_body();
      switch (part.kind) {
        case BodyPart::Kind::kMalformed:
          co_return End::kMalformed;
        case BodyPart::Kind::kBroken:
          co_return End::kSourceBroken;
        case BodyPart::Kind::kEnd:
          co_return co_await finish() ? End::kComplete : End::kSinkBroken;
        case BodyPart::Kind::kData:
          break;
      }
      before(Step::kWriting, sink_ != nullptr ? part.data.size() : 0);
      if (!co_await pass_on(part)) co_return End::kSinkBroken;
    }
  }

  /// From now on the body is read to its end and sent nowhere: nobody wants it any more.
  void discard() { sink_ = nullptr; }

  /// Octets of the body that the sink has taken.
  [[nodiscard]] std::uint64_t passed_on() const { return passed_on_; }

 private:
  boost::asio::awaitable<bool> pass_on(const BodyPart& part) {
    if (sink_ == nullptr) co_return true;
    const bool written = co_await sink_->write_body(part.data, part.next);
    if (written) passed_on_ += part.data.size();
    co_return written || sink_ == nullptr;  // discarded meanwhile: nobody misses it
  }
  boost::asio::awaitable<bool> finish() {
    if (sink_ == nullptr) co_return true;
    const bool written = co_await sink_->end_body(source_.trailers());
    co_return written || sink_ == nullptr;
  }

  BodySource& source_;
  BodySink* sink_;
  std::uint64_t passed_on_ = 0;
};

}  // namespace enforcer::proxy
