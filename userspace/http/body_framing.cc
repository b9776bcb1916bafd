#include "http/body_framing.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "base/ascii.h"

namespace enforcer::http {
namespace {

constexpr int kMaxSizeDigits = 15;  // below 2^60: a number with a sign holds it, too
/// Extensions and trailers of one body that are read only to be dropped.
constexpr std::size_t kMaxDropped = std::size_t{16} * 1024;

}  // namespace

BodyReader::BodyReader(const BodyFraming& framing, Extras extras) : extras_(extras) {
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
    case BodyFraming::Kind::kUntilClose:
      left_ = std::numeric_limits<std::uint64_t>::max();
      step_ = Step::kData;
      break;
  }
}

BodyReader::Progress BodyReader::next(Bytes arrived) {
  Bytes rest = arrived;
  Bytes data;
  while (data.empty() && step_ != Step::kComplete && step_ != Step::kMalformed && !rest.empty()) {
    if (step_ != Step::kData) {
      chunk_octet(rest[0]);
      if (step_ != Step::kMalformed) rest = rest.subspan(1);
      continue;
    }
    data = rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
    rest = rest.subspan(data.size());
    left_ -= data.size();
    if (left_ == 0) step_ = after_data_;
  }
  const State state = step_ == Step::kComplete    ? State::kComplete
                      : step_ == Step::kMalformed ? State::kMalformed
                                                  : State::kMore;
  return {state, arrived.size() - rest.size(), data};
}

/// RFC 9112 7.1, one octet of everything but the data itself.
void BodyReader::chunk_octet(std::uint8_t octet) {
  switch (step_) {
    case Step::kSize:
      return size_octet(octet);
    case Step::kSizeLf:
      expect(octet, '\n', left_ > 0 ? Step::kData : Step::kLineCr, "bare CR in chunk size");
      size_digits_ = 0;
      return;
    case Step::kDataCr:
      return expect(octet, '\r', Step::kDataLf, "chunk data not followed by CRLF");
    case Step::kDataLf:
      return expect(octet, '\n', Step::kSize, "chunk data not followed by CRLF");
    case Step::kLineCr:
      if (octet != '\r' && extras_ == Extras::kDropped) {
        step_ = Step::kTrailer;
        return extra_octet(octet);
      }
      return expect(octet, '\r', Step::kLastLf, "trailers are not accepted");
    case Step::kTrailerLf:
      return expect(octet, '\n', Step::kLineCr, "bare CR in a trailer");
    case Step::kLastLf:
      return expect(octet, '\n', Step::kComplete, "bare CR behind the last chunk");
    case Step::kExtension:
    case Step::kTrailer:
      return extra_octet(octet);
    case Step::kData:
    case Step::kComplete:
    case Step::kMalformed:
      return;
  }
}

void BodyReader::size_octet(std::uint8_t octet) {
  if (const int digit = ascii::hex_value(octet); digit >= 0) {
    if (++size_digits_ > kMaxSizeDigits) return malformed("chunk size has too many digits");
    left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
    return;
  }
  const bool extended = octet == ';' || octet == ' ' || octet == '\t';
  if (extended && size_digits_ > 0 && extras_ == Extras::kDropped) {
    step_ = Step::kExtension;
    return;
  }
  if (octet != '\r' || size_digits_ == 0) return malformed("chunk size is not digits and CRLF");
  step_ = Step::kSizeLf;
}

/// To the end of the line, whatever stands there; controls other than tab are in no legal extension or trailer.
void BodyReader::extra_octet(std::uint8_t octet) {
  if (++dropped_ > kMaxDropped) return malformed("chunk extensions or trailers too large");
  if (octet == '\r') {
    step_ = step_ == Step::kExtension ? Step::kSizeLf : Step::kTrailerLf;
  } else if ((octet < 0x20 && octet != '\t') || octet == 0x7f) {
    malformed("control character in a chunk extension or trailer");
  }
}

void BodyReader::expect(std::uint8_t octet, char wanted, Step then, std::string_view otherwise) {
  if (octet != static_cast<std::uint8_t>(wanted)) return malformed(otherwise);
  step_ = then;
}

void BodyReader::malformed(std::string_view why) {
  step_ = Step::kMalformed;
  fault_ = why;
}

void append_chunk(std::vector<std::uint8_t>& out, Bytes data) {
  if (data.empty()) return;
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", data.size());
  out.insert(out.end(), data.begin(), data.end());
  out.insert(out.end(), {'\r', '\n'});
}

}  // namespace enforcer::http
