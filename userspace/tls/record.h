// TLS records, incrementally (RFC 8446 5.1). Only what is in clear before keys exist is read this way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace enforcer::tls {

enum class ContentType : std::uint8_t { kChangeCipherSpec = 20, kAlert = 21, kHandshake = 22, kApplicationData = 23 };

/// A part of one record's payload, never empty.
struct RecordPart {
  ContentType type;
  Bytes payload;
  bool ends_record;
};

/// Cuts a stream into record payloads without copying them.
class RecordReader {
 public:
  /// The next part; removes what it used from the front of `rest`. Nothing: `rest` is used up, or fault() is set.
  std::optional<RecordPart> next(Bytes& rest);

  /// Why the stream cannot be read on, or empty.
  [[nodiscard]] std::string_view fault() const { return fault_; }
  /// Between two records.
  [[nodiscard]] bool at_boundary() const { return header_size_ == 0 && payload_left_ == 0; }

 private:
  static constexpr std::size_t kHeaderSize = 5;

  void read_header();

  std::array<std::uint8_t, kHeaderSize> header_{};
  std::size_t header_size_ = 0;
  std::size_t payload_left_ = 0;
  ContentType type_{};
  std::string_view fault_;
};

/// The size of the handshake message that begins with these bytes, its header included; 0 while the header is
/// incomplete.
[[nodiscard]] std::size_t message_size(Bytes start);

}  // namespace enforcer::tls
