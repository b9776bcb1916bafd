#include "http/field_rules.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <span>

#include "base/ascii.h"

namespace enforcer::http {
namespace {

using Names = std::string_view[];

/// Made again from what was parsed; a second spelling ("Content_Length") must not travel beside it.
constexpr Names kRewritten = {"host", "content-length", "transfer-encoding", "expect", "connection"};

/// RFC 9110 7.6.1: between the guest and us only. Trailers are not accepted, so they are not announced either. A field
/// called "Close" is no field (16.3.1): our own `Connection: close` would name it.
constexpr Names kHopByHop = {"close", "keep-alive", "te", "trailer", "upgrade", "http2-settings", "max-forwards"};

/// Make an origin, or a proxy before it, serve another host, path or method than the one decided on.
constexpr Names kRerouting = {"forwarded",         "x-host",
                              "x-original-host",   "x-original-url",
                              "x-rewrite-url",     "x-http-host-override",
                              "x-http-method",     "x-http-method-override",
                              "x-method-override", "x-original-method"};

/// Tell an origin who asks: ours to say, and we say nothing.
constexpr Names kClientAddress = {"x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip",
                                  "cf-connecting-ip"};

/// Would move the client to another host, port or protocol than the one decided on.
constexpr Names kRelocating = {"alt-svc"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_token_octet(char c) {
  return ascii::is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

}  // namespace

std::string comparable_name(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = c == '_' ? '-' : ascii::lower(c);
  return out;
}

Result<> add_token_list(std::string_view value, NameSet& names) {
  while (true) {
    const auto comma = value.find(',');
    std::string_view token = value.substr(0, comma);
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (!std::ranges::all_of(token, is_token_octet)) return fail(Errc::kInvalid, "not a list of tokens");
    if (!token.empty()) names.insert(comparable_name(token));  // RFC 9110 5.6.1.2: empty members are ignored
    if (comma == std::string_view::npos) return {};
    value.remove_prefix(comma + 1);
  }
}

bool is_end_to_end(std::string_view name, const NameSet& nominated) {
  const std::string comparable = comparable_name(name);
  if (contains(kRewritten, comparable) || contains(kHopByHop, comparable) || contains(kRerouting, comparable) ||
      contains(kClientAddress, comparable))
    return false;
  if (comparable.starts_with("proxy-") || comparable.starts_with("x-forwarded-")) return false;
  return !nominated.contains(comparable);
}

bool answers_end_to_end(std::string_view name, const NameSet& nominated) {
  const std::string comparable = comparable_name(name);
  if (contains(kRewritten, comparable) || contains(kHopByHop, comparable) || contains(kRelocating, comparable))
    return false;
  return comparable != "proxy-connection" && !nominated.contains(comparable);
}

std::optional<std::uint64_t> parse_content_length(std::string_view text) {
  std::uint64_t length = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, length);
  // Beyond 2^63 - 1 an origin that counts with a sign would read another length than we do.
  if (error != std::errc{} || stopped != end || length > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return length;
}

std::vector<std::string_view> values_of(const std::vector<HeaderField>& fields, std::string_view name) {
  std::vector<std::string_view> found;
  for (const HeaderField& field : fields) {
    const bool same = std::ranges::equal(field.name, name, {}, ascii::lower, ascii::lower);
    if (same) found.push_back(field.value);
  }
  return found;
}

}  // namespace enforcer::http
