#include "http/path.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/utf8.h"

namespace enforcer::http {
namespace {

/// Escaped or not, it is the same octet.
bool is_unreserved(std::uint8_t c) {
  return ascii::is_unreserved(static_cast<char>(c));
}
/// May stand raw in a segment: RFC 3986 3.3 pchar, without the escapes.
bool is_segment_octet(std::uint8_t c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@").contains(static_cast<char>(c));
}
bool is_control(std::uint8_t c) {
  return c < 0x20 || c == 0x7f;
}

/// The octet escaped at the front ("%2e..."), or -1.
int escaped_octet(std::string_view text) {
  if (text.size() < 3 || text[0] != '%' || ascii::hex_value(text[1]) < 0 || ascii::hex_value(text[2]) < 0) return -1;
  return ascii::hex_value(text[1]) * 16 + ascii::hex_value(text[2]);
}

void append_escape(std::string& out, std::uint8_t octet) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  out += {'%', kDigits[octet >> 4], kDigits[octet & 15]};
}

/// An origin that decodes twice would read something else: %252e is %2e is '.'.
bool hides_an_escape(std::string_view canonical) {
  for (auto at = canonical.find("%25"); at != std::string_view::npos; at = canonical.find("%25", at + 1)) {
    const int octet = escaped_octet("%" + std::string(canonical.substr(at + 3, 2)));
    if (octet < 0) continue;
    const auto hidden = static_cast<std::uint8_t>(octet);
    if (is_control(hidden) || std::string_view("./\\%").contains(static_cast<char>(hidden))) return true;
  }
  return false;
}

/// An origin that decodes %2F, or cuts parameters off (";x", a servlet container), would see a segment that is empty or
/// made of dots.
bool hides_a_dot_segment(std::string_view canonical) {
  if (canonical.find("%2F") == std::string_view::npos && canonical.find(';') == std::string_view::npos &&
      canonical.find("%3B") == std::string_view::npos) {
    return false;
  }
  while (true) {
    const auto slash = canonical.find("%2F");
    std::string_view piece = canonical.substr(0, slash);
    piece = piece.substr(0, std::min(piece.find(';'), piece.find("%3B")));
    if (piece.empty() || piece == "." || piece == "..") return true;
    if (slash == std::string_view::npos) return false;
    canonical.remove_prefix(slash + 3);
  }
}

Result<std::string> canonical_segment(std::string_view raw) {
  std::string canonical;
  std::string octets;  // what the segment means, for the UTF-8 check
  while (!raw.empty()) {
    const int escaped = escaped_octet(raw);
    const auto octet = escaped < 0 ? static_cast<std::uint8_t>(raw[0]) : static_cast<std::uint8_t>(escaped);
    if (escaped < 0 && octet == '%') return fail(Errc::kInvalid, "path has a malformed escape");
    if (is_control(octet)) return fail(Errc::kInvalid, "path has a control character");
    if (octet == '\\') return fail(Errc::kInvalid, "path has a backslash");
    if (escaped < 0 && (octet > 0x7f || octet == ' ' || octet == '#')) {
      return fail(Errc::kInvalid, "path has an octet that must be escaped");
    }
    if (is_unreserved(octet) || (escaped < 0 && is_segment_octet(octet))) {
      canonical += static_cast<char>(octet);
    } else {
      append_escape(canonical, octet);
    }
    octets += static_cast<char>(octet);
    raw.remove_prefix(escaped < 0 ? 1 : 3);
  }
  if (!is_utf8(octets)) return fail(Errc::kInvalid, "path is not UTF-8");
  if (hides_an_escape(canonical)) return fail(Errc::kInvalid, "path is escaped twice");
  if (hides_a_dot_segment(canonical))
    return fail(Errc::kInvalid, "path has a segment that can be read as a dot segment");
  return canonical;
}

/// RFC 3986 5.2.4 with the empty segments still in place, so that it shows when their removal would change what ".."
/// removes.
Result<> resolve_segment(std::vector<std::string>& stack, std::string segment) {
  if (segment == ".") return {};
  if (segment != "..") {
    stack.push_back(std::move(segment));
    return {};
  }
  if (stack.empty()) return fail(Errc::kInvalid, "path climbs above the root");
  if (stack.back().empty()) return fail(Errc::kInvalid, "path climbs over an empty segment");
  stack.pop_back();
  return {};
}

Result<RequestPath> canonical_segments(std::string_view path) {
  RequestPath result;
  std::vector<std::string> stack;
  bool directory = false;  // does the path end with a slash?
  while (true) {
    const auto slash = path.find('/');
    std::string segment = TRY(canonical_segment(path.substr(0, slash)));
    const bool last = slash == std::string_view::npos;
    directory = last && (segment.empty() || segment == "." || segment == "..");
    result.shortened |= segment == "." || segment == ".." || (segment.empty() && !last);
    if (!last || !segment.empty()) TRY_VOID(resolve_segment(stack, std::move(segment)));
    if (last) break;
    path.remove_prefix(slash + 1);
  }
  result.path.clear();
  for (const std::string& segment : stack) {
    if (!segment.empty()) result.path += "/" + segment;
  }
  if (directory || result.path.empty()) result.path += '/';
  return result;
}

}  // namespace

std::string RequestPath::target() const {
  return query ? path + "?" + *query : path;
}

Result<RequestPath> canonical_path(std::string_view target) {
  if (!target.starts_with('/')) return fail(Errc::kInvalid, "path does not begin with '/'");
  const auto mark = target.find('?');
  RequestPath result = TRY(canonical_segments(target.substr(1, mark == std::string_view::npos ? mark : mark - 1)));
  if (mark != std::string_view::npos) {
    result.query = std::string(target.substr(mark + 1));
    for (const std::uint8_t octet : as_bytes(*result.query)) {
      if (octet <= ' ' || octet >= 0x7f || octet == '#')
        return fail(Errc::kInvalid, "query has an octet that must be escaped");
    }
  }
  return result;
}

}  // namespace enforcer::http
