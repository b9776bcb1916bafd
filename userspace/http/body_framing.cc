#include "http/body_framing.h"

#include <algorithm>

namespace enforcer::http {
namespace {

constexpr int kMaxSizeDigits = 16;  // 64 bits

int hex_digit(std::uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BodyReader::BodyReader(const BodyFraming& framing) {
  switch (framing.kind) {
    case BodyFraming::Kind::kNone:
      break;
    case BodyFraming::Kind::kLength:
      after_data_ = Step::kComplete;
      left_ = framing.length;
      step_ = left_ > 0 ? Step::kData : Step::kComplete;
      break;
    case BodyFraming::Kind::kChunked:
      step_ = Step::kSize;
      break;
  }
}

BodyReader::Progress BodyReader::feed(Bytes arrived) {
  Bytes rest = arrived;
  while (step_ != Step::kComplete && step_ != Step::kMalformed && !rest.empty()) {
    if (step_ != Step::kData) {
      chunk_octet(rest[0]);
      if (step_ != Step::kMalformed) rest = rest.subspan(1);
      continue;
    }
    const std::size_t taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
    rest = rest.subspan(taken);
    left_ -= taken;
    if (left_ == 0) step_ = after_data_;
  }
  const State state = step_ == Step::kComplete    ? State::kComplete
                      : step_ == Step::kMalformed ? State::kMalformed
                                                  : State::kMore;
  return {state, arrived.size() - rest.size()};
}

/// RFC 9112 7.1, one octet of everything but the data itself.
void BodyReader::chunk_octet(std::uint8_t octet) {
  switch (step_) {
    case Step::kSize:
      if (const int digit = hex_digit(octet); digit >= 0) {
        if (++size_digits_ > kMaxSizeDigits) return malformed("chunk size has too many digits");
        left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
        return;
      }
      if (octet != '\r' || size_digits_ == 0) return malformed("chunk size is not digits and CRLF");
      step_ = Step::kSizeLf;
      return;
    case Step::kSizeLf:
      if (octet != '\n') return malformed("bare CR in chunk size");
      step_ = left_ > 0 ? Step::kData : Step::kLastCr;
      size_digits_ = 0;
      return;
    case Step::kDataCr:
      if (octet != '\r') return malformed("chunk data not followed by CRLF");
      step_ = Step::kDataLf;
      return;
    case Step::kDataLf:
      if (octet != '\n') return malformed("chunk data not followed by CRLF");
      step_ = Step::kSize;
      return;
    case Step::kLastCr:
      if (octet != '\r') return malformed("trailers are not accepted");
      step_ = Step::kLastLf;
      return;
    case Step::kLastLf:
      if (octet != '\n') return malformed("bare CR behind the last chunk");
      step_ = Step::kComplete;
      return;
    case Step::kData:
    case Step::kComplete:
    case Step::kMalformed:
      return;
  }
}

void BodyReader::malformed(std::string_view why) {
  step_ = Step::kMalformed;
  fault_ = why;
}

}  // namespace enforcer::http
