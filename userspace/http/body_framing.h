// Where a message's body ends, so that the next head on the same connection is found (RFC 9112 6 and 7), and which of
// its bytes are data.
//
// A body is never copied as it is framed: the data is taken out, and the sender frames it anew. A chunk size is 1-15
// hexadecimal digits (a signed number holds it, too) and CRLF. Chunk extensions and trailers are what parsers disagree
// about (attack: TERM.EXT, trailers that set headers): a guest's are refused; an origin's, which are legal and seen in
// practice, are dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace enforcer::http {

struct BodyFraming {
  enum class Kind : std::uint8_t {
    kNone,
    kLength,
    kChunked,
    kUntilClose,  ///< responses only: the body ends with the connection
  };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  ///< kLength only
  friend bool operator==(const BodyFraming&, const BodyFraming&) = default;
};

class BodyReader {
 public:
  enum class State : std::uint8_t { kMore, kComplete, kMalformed };
  /// What happens to chunk extensions and trailers.
  enum class Extras : std::uint8_t { kRefused, kDropped };

  struct Progress {
    State state;
    std::size_t consumed;  ///< so many of the bytes passed in belong to this body
    Bytes data;            ///< the one run of data among them, possibly empty
  };

  explicit BodyReader(const BodyFraming& framing, Extras extras = Extras::kRefused);

  /// Takes newly arrived bytes up to the end of the next run of data; call it again with the rest while the state is
  /// kMore and something was consumed. May be called with none. What is not consumed belongs to the next message
  /// (kComplete) or to nothing (kMalformed: close). A body of kUntilClose stays kMore.
  Progress next(Bytes arrived);

  /// A constant text once the state is kMalformed.
  [[nodiscard]] std::string_view fault() const { return fault_; }

 private:
  enum class Step : std::uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kLineCr,  ///< at the beginning of a line behind the last chunk: the empty one, or a trailer
    kTrailer,
    kTrailerLf,
    kLastLf,
    kComplete,
    kMalformed,
  };

  void chunk_octet(std::uint8_t octet);
  void size_octet(std::uint8_t octet);
  void extra_octet(std::uint8_t octet);
  void expect(std::uint8_t octet, char wanted, Step then, std::string_view otherwise);
  void malformed(std::string_view why);

  const Extras extras_;
  Step step_ = Step::kComplete;
  Step after_data_ = Step::kDataCr;
  std::uint64_t left_ = 0;  // octets of data to come; while reading a size, the size so far
  int size_digits_ = 0;
  std::size_t dropped_ = 0;  // octets of extensions and trailers
  std::string_view fault_;
};

/// Appends one chunk; nothing for no data (an empty chunk would end the body).
void append_chunk(std::vector<std::uint8_t>& out, Bytes data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace enforcer::http
