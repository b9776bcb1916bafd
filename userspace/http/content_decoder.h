// ContentDecoder: takes the codings of Content-Encoding off a body (RFC 9110 8.4.1): gzip, deflate, br, zstd, and at
// most two of them, one in the other. It decodes as browsers do: "deflate" with the head of zlib or without, members of
// gzip and frames of zstd one behind the other.
//
// What is decoded is pulled in pieces as large as the caller has room, so a bomb costs time and no memory. What a
// decoder may hold is its window: 32 KiB of gzip and deflate, 16 MiB of br (RFC 7932 9.1, no large windows), 8 MiB of
// zstd (RFC 9659 3).
//
//   while (true) {
//     const std::size_t size = TRY(decoder.decode(arrived, room));
//     if (size == 0) break;                       // all of `arrived` is taken, and nothing more comes out of it
//     ...
//   }
//   ... behind the last octet: decoder.complete()
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace enforcer::http {

class ContentDecoder {
 public:
  /// One coding that is being taken off.
  class Coding {
   public:
    virtual ~Coding() = default;
    /// As ContentDecoder's.
    virtual Result<std::size_t> decode(Bytes& arrived, std::span<std::uint8_t> room) = 0;
    [[nodiscard]] virtual bool complete() const = 0;
  };

  static constexpr std::size_t kMaxCodings = 2;

  /// From the field's value, or all values with commas between them; "identity" stands for nothing. kInvalid: another
  /// coding, or more than kMaxCodings.
  static Result<ContentDecoder> make(std::string_view content_encoding);

  /// Decodes what fits in the room, which is not empty; takes what it has read from `arrived`. 0: all was taken, and
  /// more has to arrive. kInvalid, and every later call says so again: the data is damaged, needs a dictionary or too
  /// large a window, or something stands behind its end. kUnavailable: out of memory.
  Result<std::size_t> decode(Bytes& arrived, std::span<std::uint8_t> room);

  /// After decode() gave 0: the body may end here; otherwise it was cut off. A body without an octet is complete.
  [[nodiscard]] bool complete() const;

 private:
  static constexpr std::size_t kBetween = std::size_t{16} * 1024;

  Result<std::size_t> decode_all(Bytes& arrived, std::span<std::uint8_t> room);

  std::vector<std::unique_ptr<Coding>> codings_;  ///< the outer one, which was applied last, in front
  std::vector<std::uint8_t> between_;             ///< from the outer to the inner
  Bytes pending_;                                 ///< of it
  std::optional<Error> fault_;
};

}  // namespace enforcer::http
