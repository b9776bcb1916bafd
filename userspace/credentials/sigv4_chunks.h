// ChunkSigner: the body of an S3 upload in which every chunk is signed ("aws-chunked"), signed again on its way (AWS,
// "Transferring Payload in Multiple Chunks", "Including Trailing Headers").
//
//   10000;chunk-signature=<64 digits> CRLF <0x10000 octets> CRLF … 0;chunk-signature=<64 digits> CRLF CRLF
//   …     0;chunk-signature=<64 digits> CRLF name:value CRLF x-amz-trailer-signature:<64 digits> CRLF CRLF
//
// Each signature continues from the one before, the first from the head's. Only their digits change, so the length that
// the head announced stays true. A chunk's signature stands before its data: a chunk is held until it is whole, and is
// at most kMaxChunk long (clients send 64 KiB to 128 KiB). That is also all the memory one body can take.
//
// The grammar is read strictly: what is not exactly this ends the transfer, and an upload that ends early is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "credentials/sigv4.h"

namespace enforcer::credentials {

class ChunkSigner {
 public:
  enum class Trailer : std::uint8_t {
    kNone,    ///< GuestSignature::Payload::kChunks
    kSigned,  ///< kChunksTrailer
  };
  static constexpr std::size_t kMaxChunk = std::size_t{1024} * 1024;
  static constexpr std::size_t kMaxTrailer = 4096;

  ChunkSigner(ChunkSeed seed, Trailer trailer) : seed_(std::move(seed)), trailer_(trailer) {}

  /// Takes octets of the body as they come, and appends to `out` those that may be sent on. kInvalid: the body is not
  /// well-formed, has a chunk that is too large, or goes on behind its end; nothing more of it may be sent, and every
  /// later call fails as well.
  Result<> take(Bytes arrived, std::vector<std::uint8_t>& out);

  /// Octets that wait for the rest of their chunk.
  [[nodiscard]] std::size_t held() const { return data_.size(); }

  /// The body is over. kInvalid: it should have gone on.
  [[nodiscard]] Result<> finish() const;

 private:
  enum class Step : std::uint8_t { kChunkLine, kData, kDataEnd, kTrailerLine, kEnd, kComplete };

  void begin(Step step);
  Result<> line_complete(std::vector<std::uint8_t>& out);
  Result<> chunk_begins(std::vector<std::uint8_t>& out);
  Result<> trailer_line(std::vector<std::uint8_t>& out);
  void send_chunk(std::vector<std::uint8_t>& out);
  void send_trailer(std::vector<std::uint8_t>& out);
  void sign_next(std::string_view purpose, std::string_view hashes);
  std::unexpected<Error> broken(std::string_view what);

  ChunkSeed seed_;  // its signature is always the last one that was made
  const Trailer trailer_;
  Step step_ = Step::kChunkLine;
  std::string line_;         // what came of the present line
  std::string size_digits_;  // of the present chunk, as they came
  std::size_t size_ = 0;     // of its data
  std::vector<std::uint8_t> data_;
  std::string trailer_lines_;    // as they came
  std::string trailer_to_sign_;  // the same, as they are signed
  std::string_view fault_;       // empty: none so far
};

}  // namespace enforcer::credentials
