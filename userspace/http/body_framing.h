// Where a request's body ends, so that the next request head on the same connection is found (RFC 9112 6 and 7).
//
// The reader is strict enough that the bytes may be forwarded as they are: a chunk size is 1-16 hexadecimal digits and
// CRLF; chunk extensions and trailers are refused, because parsers disagree about them (attack: TERM.EXT, trailers that
// set headers).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace enforcer::http {

struct BodyFraming {
  enum class Kind : std::uint8_t { kNone, kLength, kChunked };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  ///< kLength only
  friend bool operator==(const BodyFraming&, const BodyFraming&) = default;
};

class BodyReader {
 public:
  enum class State : std::uint8_t { kMore, kComplete, kMalformed };

  struct Progress {
    State state;
    std::size_t consumed;  ///< so many of the bytes passed in belong to this body and may be forwarded unchanged
  };

  explicit BodyReader(const BodyFraming& framing);

  /// Takes newly arrived bytes; may be called with none. What is not consumed belongs to the next request (kComplete)
  /// or to nothing (kMalformed: close).
  Progress feed(Bytes arrived);

  /// A constant text once the state is kMalformed.
  [[nodiscard]] std::string_view fault() const { return fault_; }

 private:
  enum class Step : std::uint8_t { kSize, kSizeLf, kData, kDataCr, kDataLf, kLastCr, kLastLf, kComplete, kMalformed };

  void chunk_octet(std::uint8_t octet);
  void malformed(std::string_view why);

  Step step_ = Step::kComplete;
  Step after_data_ = Step::kDataCr;
  std::uint64_t left_ = 0;  // octets of data to come; while reading a size, the size so far
  int size_digits_ = 0;
  std::string_view fault_;
};

}  // namespace enforcer::http
