#include "credentials/grpc_scanner.h"

#include <algorithm>
#include <utility>

namespace enforcer::credentials {

Result<Bytes> GrpcScanner::feed(Bytes arrived) {
  out_.clear();
  while (!arrived.empty() && !compressed_) {
    if (left_ == 0) {
      prefix_.at(prefix_size_++) = arrived.front();
      append(arrived.first(1));
      arrived = arrived.subspan(1);
      compressed_ = prefix_[0] != 0;
      if (prefix_size_ < kPrefix) continue;
      prefix_size_ = 0;
      for (const std::uint8_t octet : std::span(prefix_).subspan(1)) left_ = left_ << 8 | octet;
    } else {
      const Bytes piece = arrived.first(std::min<std::size_t>(arrived.size(), left_));
      arrived = arrived.subspan(piece.size());
      left_ -= static_cast<std::uint32_t>(piece.size());
      append(message_.feed(piece));
      if (left_ == 0) append(message_.finish());
    }
  }
  if (compressed_) return fail(Errc::kInvalid, "a message is compressed");
  return Bytes(out_);
}

Bytes GrpcScanner::finish() {
  out_.clear();
  append(message_.finish());
  return out_;
}

}  // namespace enforcer::credentials
