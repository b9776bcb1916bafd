// The numbers of a DNS message that reading and writing share (RFC 1035 4.1.1, 3.2).
#pragma once

#include <cstddef>
#include <cstdint>

namespace enforcer::dns {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::uint16_t kClassIn = 1;
inline constexpr std::uint16_t kTypeOpt = 41;  // RFC 6891 6.1.2

enum HeaderFlag : std::uint16_t {
  kResponse = 0x8000,
  kTruncated = 0x0200,
  kRecursionDesired = 0x0100,
  kRecursionAvailable = 0x0080,
  kCheckingDisabled = 0x0010,  // RFC 4035 3.2.2
};

}  // namespace enforcer::dns
