// What crosses between enforcerd and its helper: one packet for a request, one for its reply, over SOCK_SEQPACKET.
//
//   request   number (8 bytes)  name of a credential or command  [0 (1 byte)  one line for its standard input]
//   reply     number (8 bytes)  outcome (1 byte)  expiry (8 bytes, milliseconds since 1970, of kValue)  value or
//   message
//
// Both sides read strictly: the helper must not trust an enforcerd that was taken over, and what is read here costs
// nothing to check.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"

namespace enforcer::credentials {

inline constexpr std::size_t kMaxName = 128;
inline constexpr std::size_t kMaxInput = std::size_t{96} * 1024;
inline constexpr std::size_t kMaxRequest = 8 + kMaxName + 1 + kMaxInput;
inline constexpr std::size_t kMaxReply = 8 + 1 + 8 + std::size_t{64} * 1024;

struct HelperRequest {
  std::uint64_t number = 0;
  std::string name;
  std::string input{};  ///< for the command's standard input; empty: it has none
};
[[nodiscard]] std::string encode_request(const HelperRequest& request);
/// kInvalid: too short, too long, a name of other characters than names have, or an input that is not one line of
/// printable ASCII with its end.
Result<HelperRequest> decode_request(std::string_view packet);

/// The views are into the packet.
struct HelperReply {
  enum class Outcome : std::uint8_t {
    kValue = 0,             ///< `text` is the value
    kExpiringValue = 1,     ///< with `expires`
    kFailed = 2,            ///< `text` is one line that says why
    kNoSuchCredential = 3,  ///< no credential file names a command for it
  };
  std::uint64_t number = 0;
  Outcome outcome = Outcome::kFailed;
  WallClock::time_point expires;
  std::string_view text;
};
/// Writes the packet into `into`, which has room for kMaxReply bytes; its length. A longer text is cut (a message; a
/// value never is longer).
std::size_t encode_reply(const HelperReply& reply, std::span<char> into);
Result<HelperReply> decode_reply(std::string_view packet);

}  // namespace enforcer::credentials
