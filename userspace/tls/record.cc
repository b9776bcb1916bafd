#include "tls/record.h"

#include <algorithm>

namespace enforcer::tls {
namespace {

constexpr std::size_t kMaxPlaintext = 1 << 14;                // RFC 8446 5.1
constexpr std::size_t kMaxCiphertext = kMaxPlaintext + 2048;  // RFC 5246 6.2.3, the larger of the two versions

}  // namespace

std::optional<RecordPart> RecordReader::next(Bytes& rest) {
  while (fault_.empty() && !rest.empty()) {
    if (payload_left_ == 0) {
      const std::size_t taken = std::min(kHeaderSize - header_size_, rest.size());
      std::ranges::copy(rest.first(taken), header_.begin() + header_size_);
      header_size_ += taken;
      rest = rest.subspan(taken);
      if (header_size_ == kHeaderSize) read_header();
      continue;
    }
    const Bytes payload = rest.first(std::min(payload_left_, rest.size()));
    rest = rest.subspan(payload.size());
    payload_left_ -= payload.size();
    return RecordPart{type_, payload, payload_left_ == 0};
  }
  return std::nullopt;
}

void RecordReader::read_header() {
  header_size_ = 0;
  ByteReader header(header_);
  const std::uint8_t type = header.u8();
  const std::uint16_t version = header.u16();
  const std::size_t length = header.u16();
  if (type < 20 || type > 23) {
    fault_ = "unknown record type";
  } else if (version >> 8 != 3 || (version & 0xff) > 4) {
    fault_ = "unknown record version";
  } else if (length == 0) {
    fault_ = "empty record";  // 5.1: never for handshake; encrypted records are never empty on the wire
  } else if (length > (type == 23 ? kMaxCiphertext : kMaxPlaintext)) {
    fault_ = "record too large";
  } else {
    type_ = static_cast<ContentType>(type);
    payload_left_ = length;
  }
}

std::size_t message_size(Bytes start) {
  constexpr std::size_t kHeader = 4;  // type and 24-bit length
  if (start.size() < kHeader) return 0;
  ByteReader header(start);
  header.u8();
  return kHeader + header.u24();
}

}  // namespace enforcer::tls
