#include "credentials/sigv4_chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/ascii.h"
#include "base/digest.h"

namespace enforcer::credentials {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kChunkSignature = ";chunk-signature=";
constexpr std::string_view kTrailerSignatureName = "x-amz-trailer-signature:";
constexpr std::size_t kSignatureDigits = 64;
constexpr std::size_t kMaxSizeDigits = 16;
constexpr std::size_t kMaxChunkLine = kMaxSizeDigits + kChunkSignature.size() + kSignatureDigits + kLineEnd.size();

bool is_signature(std::string_view text) {
  return text.size() == kSignatureDigits && std::ranges::all_of(text, [](char c) { return ascii::hex_value(c) >= 0; });
}

void append_text(std::vector<std::uint8_t>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

/// "name:value" as it is signed: name in lower case, no blanks around the value. Empty: it is no such line.
std::string signed_trailer_line(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return "";
  std::string out(line.substr(0, colon + 1));
  for (char& c : out) {
    c = ascii::lower(c);
    const bool name = ascii::is_lower(c) || ascii::is_digit(c) || c == '-' || c == ':';
    if (!name) return "";
  }
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  if (value.empty() || !std::ranges::all_of(value, ascii::is_printable)) return "";
  return out.append(value) + "\n";
}

}  // namespace

std::unexpected<Error> ChunkSigner::broken(std::string_view what) {
  fault_ = what;
  return fail(Errc::kInvalid, std::string(what));
}

void ChunkSigner::begin(Step step) {
  step_ = step;
  line_.clear();
}

/// The next signature of the chain, which replaces the last one.
void ChunkSigner::sign_next(std::string_view purpose, std::string_view hashes) {
  seed_.signature = seed_.key.sign(fmt::format("{}-{}\n{}\n{}\n{}\n{}", kSigV4Algorithm, purpose, seed_.timestamp,
                                               seed_.scope, seed_.signature, hashes));
}

void ChunkSigner::send_chunk(std::vector<std::uint8_t>& out) {
  // The first hash is of the chunk's own fields, of which there are none.
  sign_next("PAYLOAD", fmt::format("{}\n{}", sha256_hex(""), sha256_hex(as_text(data_))));
  append_text(out, size_digits_);
  append_text(out, kChunkSignature);
  append_text(out, seed_.signature);
  append_text(out, kLineEnd);
  out.insert(out.end(), data_.begin(), data_.end());
  if (size_ > 0) append_text(out, kLineEnd);
  data_.clear();
}

void ChunkSigner::send_trailer(std::vector<std::uint8_t>& out) {
  sign_next("TRAILER", sha256_hex(trailer_to_sign_));
  append_text(out, trailer_lines_);
  append_text(out, kTrailerSignatureName);
  append_text(out, seed_.signature);
  append_text(out, kLineEnd);
}

Result<> ChunkSigner::chunk_begins(std::vector<std::uint8_t>& out) {
  const std::string_view line(line_.data(), line_.size() - kLineEnd.size());
  const auto mark = line.find(kChunkSignature);
  if (mark == std::string_view::npos || mark == 0 || mark > kMaxSizeDigits ||
      !is_signature(line.substr(mark + kChunkSignature.size())))
    return broken("a chunk does not begin with its size and signature");
  std::uint64_t size = 0;
  const char* const end = &line[mark];
  const auto [stopped, error] = std::from_chars(&line[0], end, size, 16);
  if (error != std::errc{} || stopped != end) return broken("a chunk does not begin with its size and signature");
  if (size > kMaxChunk) return broken("a chunk is larger than 1 MiB");
  size_digits_ = line.substr(0, mark);
  size_ = size;
  if (size > 0) {
    begin(Step::kData);
  } else {
    send_chunk(out);
    begin(trailer_ == Trailer::kSigned ? Step::kTrailerLine : Step::kEnd);
  }
  return {};
}

Result<> ChunkSigner::trailer_line(std::vector<std::uint8_t>& out) {
  const std::string_view line(line_.data(), line_.size() - kLineEnd.size());
  if (line.starts_with(kTrailerSignatureName)) {
    if (trailer_lines_.empty() || !is_signature(line.substr(kTrailerSignatureName.size())))
      return broken("the trailer's signature is malformed, or has nothing before it");
    send_trailer(out);
    begin(Step::kEnd);
    return {};
  }
  const std::string to_sign = signed_trailer_line(line);
  if (to_sign.empty()) return broken("the trailer is malformed");
  trailer_to_sign_ += to_sign;
  trailer_lines_ += line_;
  begin(Step::kTrailerLine);
  return {};
}

/// `line_` ends with CRLF.
Result<> ChunkSigner::line_complete(std::vector<std::uint8_t>& out) {
  if (step_ == Step::kChunkLine) return chunk_begins(out);
  if (step_ == Step::kTrailerLine) return trailer_line(out);
  if (line_ != kLineEnd) return broken("a chunk's data, or the body, does not end where it should");
  if (step_ == Step::kDataEnd) {
    send_chunk(out);
    begin(Step::kChunkLine);
  } else {
    append_text(out, kLineEnd);
    begin(Step::kComplete);
  }
  return {};
}

Result<> ChunkSigner::take(Bytes arrived, std::vector<std::uint8_t>& out) {
  if (!fault_.empty()) return broken(fault_);
  while (!arrived.empty()) {
    if (step_ == Step::kComplete) return broken("something follows the last chunk");
    if (step_ == Step::kData) {
      const auto piece = arrived.first(std::min(arrived.size(), size_ - data_.size()));
      data_.insert(data_.end(), piece.begin(), piece.end());
      arrived = arrived.subspan(piece.size());
      if (data_.size() == size_) begin(Step::kDataEnd);
      continue;
    }
    const char octet = static_cast<char>(arrived.front());
    arrived = arrived.subspan(1);
    line_ += octet;
    const std::size_t limit = step_ == Step::kChunkLine     ? kMaxChunkLine
                              : step_ == Step::kTrailerLine ? kMaxTrailer - trailer_lines_.size()
                                                            : kLineEnd.size();
    if (line_.ends_with(kLineEnd)) {
      TRY_VOID(line_complete(out));
    } else if (octet == '\n' || line_.size() >= limit) {
      return broken("a line of the chunked body is too long, or does not end with CRLF");
    }
  }
  return {};
}

Result<> ChunkSigner::finish() const {
  if (!fault_.empty()) return fail(Errc::kInvalid, std::string(fault_));
  if (step_ != Step::kComplete) return fail(Errc::kInvalid, "the chunked body ends early");
  return {};
}

}  // namespace enforcer::credentials
