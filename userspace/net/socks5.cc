#include "net/socks5.h"

#include <algorithm>

namespace enforcer::net::socks5 {
namespace {

// RFC 1928 3, 4, 6; RFC 1929 2.
constexpr std::uint8_t kVersion = 5;
constexpr std::uint8_t kLoginVersion = 1;
constexpr std::uint8_t kNoLogin = 0;
constexpr std::uint8_t kUserAndPassword = 2;
constexpr std::uint8_t kNoMethod = 0xff;
constexpr std::uint8_t kConnectCommand = 1;
constexpr std::uint8_t kReserved = 0;
constexpr std::uint8_t kIpv4 = 1;
constexpr std::uint8_t kName = 3;
constexpr std::uint8_t kIpv6 = 4;
constexpr std::uint8_t kSucceeded = 0;
constexpr std::size_t kLongestText = 255;

void append(WipedBytes& message, Bytes bytes) {
  message.insert(message.end(), bytes.begin(), bytes.end());
}

void append_text(WipedBytes& message, std::string_view text) {
  message.push_back(static_cast<std::uint8_t>(text.size()));
  append(message, as_bytes(text));
}

bool fits(std::string_view text) {
  return !text.empty() && text.size() <= kLongestText;
}

void append_host(WipedBytes& message, const std::variant<IpAddress, HostName>& host) {
  if (const auto* name = std::get_if<HostName>(&host)) {  // at most 253 octets
    message.push_back(kName);
    return append_text(message, name->text());
  }
  const auto& address = std::get<IpAddress>(host);
  message.push_back(address.is_v4() ? kIpv4 : kIpv6);
  append(message, Bytes(address.bytes()).subspan(address.is_v4() ? 12 : 0));
}

}  // namespace

WipedBytes greeting(Login login) {
  return {kVersion, 1, login == Login::kPassword ? kUserAndPassword : kNoLogin};
}

Result<WipedBytes> password_message(std::string_view user, std::string_view password) {
  if (!fits(user) || !fits(password)) {
    return fail(Errc::kInvalid, "user name and password for SOCKS have 1 to 255 octets each");
  }
  WipedBytes message;
  message.reserve(3 + user.size() + password.size());
  message.push_back(kLoginVersion);
  append_text(message, user);
  append_text(message, password);
  return message;
}

WipedBytes connect_message(const std::variant<IpAddress, HostName>& host, Port port) {
  WipedBytes message{kVersion, kConnectCommand, kReserved};
  append_host(message, host);
  const auto number = static_cast<std::uint16_t>(port);
  message.push_back(static_cast<std::uint8_t>(number >> 8));
  message.push_back(static_cast<std::uint8_t>(number & 0xff));
  return message;
}

/// How long the reply is, as far as the octets so far tell: never more than it turns out to be.
std::size_t ReplyReader::size() const {
  if (kind_ != Kind::kConnect) return 2;
  if (received_ < 5) return 5;  // every form of an address has one octet at least
  switch (reply_[3]) {
    case kIpv4:
      return 4 + 4 + 2;
    case kIpv6:
      return 4 + 16 + 2;
    default:
      return 4 + 1 + std::size_t{reply_[4]} + 2;
  }
}

ReplyReader::Progress ReplyReader::feed(Bytes arrived) {
  std::size_t consumed = 0;
  while (true) {
    const std::size_t taken = std::min(size() - received_, arrived.size() - consumed);
    std::ranges::copy(arrived.subspan(consumed, taken), reply_.begin() + static_cast<std::ptrdiff_t>(received_));
    received_ += taken;
    consumed += taken;
    const State state = judge();
    if (state != State::kMore || consumed == arrived.size()) return {state, consumed};
  }
}

ReplyReader::State ReplyReader::judge() {
  if (received_ >= 1 && reply_[0] != (kind_ == Kind::kLogin ? kLoginVersion : kVersion)) return State::kMalformed;
  if (received_ < 2) return State::kMore;
  code_ = reply_[1];
  switch (kind_) {
    case Kind::kMethod:
    case Kind::kPassword: {
      const std::uint8_t offered = kind_ == Kind::kMethod ? kNoLogin : kUserAndPassword;
      if (code_ == offered) return State::kGranted;
      return code_ == kNoMethod ? State::kRefused : State::kMalformed;
    }
    case Kind::kLogin:
      return code_ == kSucceeded ? State::kGranted : State::kRefused;
    case Kind::kConnect:
      break;
  }
  if (code_ != kSucceeded) return State::kRefused;  // the proxy closes after it: the rest says nothing
  if (received_ < 4) return State::kMore;
  const std::uint8_t form = reply_[3];
  if (reply_[2] != kReserved || (form != kIpv4 && form != kIpv6 && form != kName)) return State::kMalformed;
  return received_ == size() && received_ > 5 ? State::kGranted : State::kMore;
}

}  // namespace enforcer::net::socks5
