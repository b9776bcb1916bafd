#include "base/host_name.h"

#include <algorithm>

#include "base/ascii.h"

namespace enforcer {
namespace {

bool is_hex(char c) {
  return ascii::is_digit(c) || (c >= 'a' && c <= 'f');
}
bool is_label_octet(char c) {
  return ascii::is_digit(c) || ascii::is_lower(c) || c == '-' || c == '_';
}

/// inet_aton(3) and the WHATWG host parser read a name whose last label is a number as an IPv4 address.
bool reads_as_number(std::string_view label) {
  if (label.starts_with("0x")) return std::ranges::all_of(label.substr(2), is_hex);
  return std::ranges::all_of(label, ascii::is_digit);
}

}  // namespace

Result<HostName> HostName::parse(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return fail(Errc::kInvalid, "name is empty");
  if (text.size() > 253) return fail(Errc::kInvalid, "name is longer than 253 octets");
  std::string canonical(text);
  for (char& c : canonical) {
    c = ascii::lower(c);
  }
  HostName name(std::move(canonical));
  const auto labels = name.labels();
  for (const std::string_view label : labels) {
    if (label.empty()) return fail(Errc::kInvalid, "name has an empty label");
    if (label.size() > 63) return fail(Errc::kInvalid, "name has a label longer than 63 octets");
    if (!std::ranges::all_of(label, is_label_octet)) {
      return fail(Errc::kInvalid, "name has an octet that is not a letter, digit, '-' or '_'");
    }
    if (label.front() == '-' || label.back() == '-')
      return fail(Errc::kInvalid, "name has a label that begins or ends with '-'");
  }
  if (reads_as_number(labels.back())) return fail(Errc::kInvalid, "name could be read as an IP address");
  return name;
}

std::vector<std::string_view> HostName::labels() const {
  std::vector<std::string_view> labels;
  labels.reserve(1 + static_cast<std::size_t>(std::ranges::count(text_, '.')));
  std::string_view rest = text_;
  while (true) {
    const auto dot = rest.find('.');
    labels.push_back(rest.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace enforcer
