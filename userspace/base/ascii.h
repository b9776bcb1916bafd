// The characters that protocols mean: ASCII, whatever the locale says (<cctype> asks it) and for any char.
#pragma once

namespace enforcer::ascii {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_letter(char c) {
  return is_lower(c) || is_upper(c);
}
constexpr bool is_alphanumeric(char c) {
  return is_letter(c) || is_digit(c);
}

/// RFC 3986 2.3: what never has to be percent-encoded.
constexpr bool is_unreserved(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
/// RFC 5234 B.1 VCHAR: no blank, no control character.
constexpr bool is_visible(char c) {
  return c > ' ' && c < '\x7f';
}
/// The same with the blank.
constexpr bool is_printable(char c) {
  return c == ' ' || is_visible(c);
}

constexpr char lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr char upper(char c) {
  return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
}

/// Of a hexadecimal digit in either case: 0-15; -1 for anything else.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char letter = lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

}  // namespace enforcer::ascii
