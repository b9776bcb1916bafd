#include "http/authority.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace enforcer::http {
namespace {

Result<Port> parse_port(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  // from_chars takes no sign, space or base prefix for unsigned numbers; a leading zero is refused as a second
  // spelling.
  if (error != std::errc{} || end != text.data() + text.size() || number == 0 || text.front() == '0') {
    return fail(Errc::kInvalid, "port is not a number from 1 to 65535");
  }
  return Port{number};
}

/// Only what is in brackets is IPv6, only four decimal parts are IPv4; every other number-like spelling is no HostName
/// either.
Result<std::variant<HostName, IpAddress>> parse_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    const IpAddress address = TRY(IpAddress::parse(text.substr(1, text.size() - 2)));
    // [::ffff:192.0.2.1] and [::ffff:c000:201] would be second spellings of an IPv4 host.
    if (address.is_v4()) return fail(Errc::kInvalid, "IPv4 address in brackets");
    return address;
  }
  const bool numeric = std::ranges::all_of(text, [](char c) { return c == '.' || ascii::is_digit(c); });
  if (numeric) return TRY(IpAddress::parse(text));
  return TRY(HostName::parse(text));
}

}  // namespace

Result<Authority> parse_authority(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto bracket = text.rfind(']');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  Authority authority{TRY(parse_host(text.substr(0, has_port ? colon : text.size()))), std::nullopt};
  if (has_port) authority.port = TRY(parse_port(text.substr(colon + 1)));
  return authority;
}

std::string Authority::host_text() const {
  return name() != nullptr ? name()->text() : address()->to_string();
}

std::string Authority::to_string() const {
  std::string text = host_text();
  if (address() != nullptr && !address()->is_v4()) text = "[" + text + "]";
  if (port) text += ":" + std::to_string(static_cast<unsigned>(*port));
  return text;
}

}  // namespace enforcer::http
