#include "policy/target.h"

#include <fmt/format.h>
#include <libpsl.h>

#include <algorithm>

#include "base/text.h"
#include "policy/address_guard.h"
#include "policy/schema.h"

namespace enforcer::policy {
namespace {

std::unexpected<TargetProblem> problem(Code code, std::string_view text, std::string_view why, std::string hint = {}) {
  return std::unexpected(
      TargetProblem{code, fmt::format("'{}': {}", escape_untrusted(text, 128), why), std::move(hint)});
}

/// The two parts of "host:port", "[v6]:port", "block:port" or the same without a port.
struct Parts {
  std::string_view where;
  std::optional<std::string_view> port;
  bool bracketed = false;
};

std::expected<Parts, TargetProblem> take_apart(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return problem(Code::kBadHost, text, "']' is missing");
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':'))
      return problem(Code::kBadPort, text, "after ']' only ':port' may follow");
    return Parts{text.substr(1, end - 1), rest.empty() ? std::nullopt : std::optional(rest.substr(1)), true};
  }
  const auto colons = std::ranges::count(text, ':');
  if (colons != 1) return Parts{text, std::nullopt};  // none, or a bare IPv6 address or block
  const auto colon = text.find(':');
  return Parts{text.substr(0, colon), text.substr(colon + 1)};
}

bool covers_port(const std::optional<Port>& outer, const std::optional<Port>& inner) {
  return !outer || outer == inner;
}

bool same_family(const Cidr& one, const Cidr& other) {
  return one.is_v4() == other.is_v4();
}

bool block_covers(const Cidr& outer, const Cidr& inner) {
  return same_family(outer, inner) && outer.length() <= inner.length() && outer.contains(inner.network());
}

}  // namespace

std::expected<Target, TargetProblem> Target::parse(std::string_view text, PortDefault without_port) {
  if (text.find("://") != std::string_view::npos) {
    return problem(Code::kBadHost, text, "a URL", "write only its host, and ':port' if it is not 443");
  }
  const auto parts = take_apart(text);
  if (!parts) return std::unexpected(parts.error());

  std::optional<Port> port;
  if (!parts->port) {
    if (without_port == PortDefault::kHttps) port = kHttpsPort;
  } else if (*parts->port != "*") {
    const auto number = parse_decimal(*parts->port);
    if (!number || *number < 1 || *number > 65535) {
      return problem(Code::kBadPort, text, fmt::format("'{}' is not a port", escape_untrusted(*parts->port, 64)),
                     "write 1-65535 or '*'");
    }
    port = Port{static_cast<std::uint16_t>(*number)};
  }

  const bool looks_like_block = parts->bracketed || parts->where.find_first_of("/:") != std::string_view::npos;
  if (auto block = Cidr::parse(parts->where)) {
    if (parts->bracketed && block->is_v4())
      return problem(Code::kBadHost, text, "only an IPv6 address stands in brackets");
    return Target{*block, port, std::string(text), {}};
  } else if (looks_like_block) {
    return problem(Code::kBadHost, text, fmt::format("not an address block: {}", block.error().message));
  }
  auto pattern = HostPattern::parse(parts->where);
  if (!pattern) return std::unexpected(std::move(pattern).error());
  return Target{*std::move(pattern), port, std::string(text), {}};
}

bool Target::covers(const Target& other) const {
  if (!covers_port(port, other.port)) return false;
  if (host() && other.host()) return host()->covers(*other.host());
  return block() && other.block() && block_covers(*block(), *other.block());
}

bool Target::overlaps(const Target& other) const {
  if (port && other.port && *port != *other.port) return false;
  if (host() && other.host()) return host()->overlaps(*other.host());
  return block() && other.block() && (block_covers(*block(), *other.block()) || block_covers(*other.block(), *block()));
}

Breadth breadth(const Target& target) {
  if (const Cidr* block = target.block()) {
    const bool broad = block->length() < (block->is_v4() ? 8 : 16) && judge_block(*block) == AddressVerdict::kGlobal;
    return broad ? Breadth{Breadth::Kind::kBroad, "a large part of the internet"} : Breadth{};
  }
  const HostPattern& pattern = *target.host();
  if (pattern.exact()) return {};
  const std::string suffix = pattern.suffix();
  if (suffix.empty()) return {Breadth::Kind::kBroad, pattern.any_depth() ? "every name" : "every name of one label"};
  if (suffix.find('.') == std::string::npos)
    return {Breadth::Kind::kBroad, fmt::format("the top-level domain '{}'", suffix)};
  // The list that libpsl was built with: no file to read, and the same answer on every machine with the same package.
  const psl_ctx_t* suffixes = psl_builtin();
  if (!psl_is_public_suffix2(suffixes, suffix.c_str(), PSL_TYPE_ANY)) return {};
  const bool registry = psl_is_public_suffix2(suffixes, suffix.c_str(), PSL_TYPE_ICANN) == 1;
  // `*-aiplatform.googleapis.com`: googleapis.com is one company's, though it lets others have names there.
  const auto kind =
      pattern.wildcard_inside_label() && !registry ? Breadth::Kind::kPrivateSuffix : Breadth::Kind::kBroad;
  return {kind, fmt::format("the public suffix '{}'", suffix)};
}

}  // namespace enforcer::policy
