#include "credentials/helper_packet.h"

#include <algorithm>
#include <cstring>

#include "base/ascii.h"
#include "base/bytes.h"

namespace enforcer::credentials {
namespace {

constexpr std::size_t kNumber = 8;
constexpr std::size_t kReplyHead = kNumber + 1 + 8;

void put(std::span<char> into, std::uint64_t number) {
  for (std::size_t i = 8; i-- > 0; number >>= 8) into[i] = static_cast<char>(number & 0xff);
}

std::uint64_t take(std::string_view from) {
  std::uint64_t number = 0;
  for (const std::uint8_t octet : as_bytes(from.substr(0, 8))) number = number << 8 | octet;
  return number;
}

bool is_name_octet(char c) {
  return ascii::is_alphanumeric(c) || std::string_view("-_.").contains(c);
}

bool is_line(std::string_view text) {
  if (!text.ends_with('\n')) return false;
  text.remove_suffix(1);
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

std::string encode_request(const HelperRequest& request) {
  std::string packet(kNumber, '\0');
  put(packet, request.number);
  packet += request.name;
  if (!request.input.empty()) packet += '\0' + request.input;
  return packet;
}

Result<HelperRequest> decode_request(std::string_view packet) {
  if (packet.size() <= kNumber || packet.size() > kMaxRequest) return fail(Errc::kInvalid, "a request of a wrong size");
  const std::string_view said = packet.substr(kNumber);
  const std::string_view name = said.substr(0, said.find('\0'));
  if (name.empty() || name.size() > kMaxName || !std::ranges::all_of(name, is_name_octet)) {
    return fail(Errc::kInvalid, "a request without a name");
  }
  if (name.size() == said.size()) return HelperRequest{.number = take(packet), .name = std::string(name)};
  const std::string_view input = said.substr(name.size() + 1);
  if (!is_line(input)) return fail(Errc::kInvalid, "a request with something else than one line");
  return HelperRequest{.number = take(packet), .name = std::string(name), .input = std::string(input)};
}

std::size_t encode_reply(const HelperReply& reply, std::span<char> into) {
  const std::string_view text = reply.text.substr(0, into.size() - kReplyHead);
  put(into, reply.number);
  into[kNumber] = static_cast<char>(reply.outcome);
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(reply.expires).time_since_epoch();
  put(into.subspan(kNumber + 1), static_cast<std::uint64_t>(since_epoch.count()));
  std::memcpy(into.data() + kReplyHead, text.data(), text.size());
  return kReplyHead + text.size();
}

Result<HelperReply> decode_reply(std::string_view packet) {
  if (packet.size() < kReplyHead || packet.size() > kMaxReply) return fail(Errc::kInvalid, "a reply of a wrong size");
  const auto outcome = static_cast<std::uint8_t>(packet[kNumber]);
  if (outcome > static_cast<std::uint8_t>(HelperReply::Outcome::kNoSuchCredential)) {
    return fail(Errc::kInvalid, "a reply with an unknown outcome");
  }
  const auto expires = static_cast<std::int64_t>(take(packet.substr(kNumber + 1)));
  return HelperReply{.number = take(packet),
                     .outcome = static_cast<HelperReply::Outcome>(outcome),
                     .expires = WallClock::time_point(std::chrono::milliseconds(expires)),
                     .text = packet.substr(kReplyHead)};
}

}  // namespace enforcer::credentials
