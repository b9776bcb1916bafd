// GrpcScanner: keeps secrets out of the messages of a gRPC call (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"): each is
// scanned as a stream of its own, so that no message waits for the next one, which may be the peer's to cause.
//
// Prefixes pass as they are. A message that says it is compressed is refused: none was accepted on such routes.
#pragma once

#include <array>

#include "credentials/secret_scanner.h"

namespace enforcer::credentials {

class GrpcScanner {
 public:
  explicit GrpcScanner(std::shared_ptr<const Needles> needles) : message_(std::move(needles)) {}

  /// What can be passed on now, valid until the next call. kInvalid, now and for ever: a message is compressed.
  Result<Bytes> feed(Bytes arrived);
  /// The call has ended, in the middle of a message perhaps: what is left, once.
  Bytes finish();

  [[nodiscard]] std::uint64_t findings() const { return message_.findings(); }

 private:
  static constexpr std::size_t kPrefix = 5;

  void append(Bytes octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }

  SecretScanner message_;
  WipedBytes out_;
  std::array<std::uint8_t, kPrefix> prefix_{};
  std::size_t prefix_size_ = 0;  ///< so much of it has come
  std::uint32_t left_ = 0;       ///< octets of the message
  bool compressed_ = false;
};

}  // namespace enforcer::credentials
