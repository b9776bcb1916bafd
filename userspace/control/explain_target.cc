// The texts a person may give to `explain`.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/text.h"
#include "control/explain.h"
#include "http/path.h"
#include "policy/aws_question.h"
#include "policy/git_call.h"

namespace enforcer::control {
namespace {

Result<Port> parse_port(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end != text.data() + text.size() || number == 0) {
    return fail(Errc::kInvalid, fmt::format("'{}' is not a port (1-65535)", escape_untrusted(text, 64)));
  }
  return Port{number};
}

/// "host", "host:port", "[v6]", "[v6]:port", "v6": the host's text and the port's, which may be empty.
Result<std::pair<std::string_view, std::string_view>> split_port(std::string_view authority) {
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return fail(Errc::kInvalid, "'[' without ']'");
    const auto rest = authority.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return fail(Errc::kInvalid, "only a port may follow ']'");
    return std::pair{authority.substr(1, end - 1), rest.empty() ? rest : rest.substr(1)};
  }
  // Two colons: an IPv6 address without brackets, which has no room for a port.
  if (std::ranges::count(authority, ':') > 1) return std::pair{authority, std::string_view{}};
  const auto colon = authority.find(':');
  if (colon == std::string_view::npos) return std::pair{authority, std::string_view{}};
  if (colon + 1 == authority.size()) return fail(Errc::kInvalid, "':' without a port");
  return std::pair{authority.substr(0, colon), authority.substr(colon + 1)};
}

Result<> take_authority(ExplainTarget& target, std::string_view authority) {
  const auto [host, port] = TRY(split_port(authority));
  if (!port.empty()) target.port = TRY(parse_port(port));
  if (auto address = IpAddress::parse(host)) {
    target.address = *address;
    return {};
  }
  auto name = HostName::parse(host);
  if (!name) {
    return fail(Errc::kInvalid, fmt::format("'{}' is neither a host nor an address: {}", escape_untrusted(host, 128),
                                            name.error().message));
  }
  target.host = *std::move(name);
  return {};
}

/// Takes "scheme://" off; whether there was one.
bool take_scheme(ExplainTarget& target, std::string_view& text) {
  struct Scheme {
    std::string_view text;
    Speech speech;
    bool websocket;
  };
  static constexpr Scheme kSchemes[] = {{"https://", Speech::kTls, false},
                                        {"http://", Speech::kClearHttp, false},
                                        {"wss://", Speech::kTls, true},
                                        {"ws://", Speech::kClearHttp, true}};
  const auto* const scheme =
      std::ranges::find_if(kSchemes, [&](const Scheme& known) { return text.starts_with(known.text); });
  if (scheme == std::end(kSchemes)) return false;
  text.remove_prefix(scheme->text.size());
  target.speech = scheme->speech;
  target.websocket = scheme->websocket;
  if (target.speech == Speech::kClearHttp) target.port = kHttpPort;
  return true;
}

/// "/path?query" or "?query", normalised as the data path does it.
Result<> take_path(ExplainTarget& target, std::string_view text) {
  auto path = enforcer::http::canonical_path(text.starts_with('/') ? std::string(text) : fmt::format("/{}", text));
  if (!path) return fail(Errc::kInvalid, fmt::format("'{}': {}", escape_untrusted(text, 128), path.error().message));
  target.path = std::move(path->path);
  target.query = std::move(path->query);
  return {};
}

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, ascii::is_upper);
}

/// "cloudformation:DeleteStack us-east-1".
Result<> take_aws(ExplainTarget& target, std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) {
    return fail(Errc::kInvalid, "an action of AWS needs its region: 'aws cloudformation:DeleteStack us-east-1'");
  }
  auto question = TRY(policy::aws_question(text.substr(0, space), text.substr(space + 1), std::nullopt));
  target.host = std::move(question.host);
  target.request = std::move(question.request);
  target.is_request = true;
  return {};
}

/// "push github.com/acme/w refs/heads/main".
Result<> take_git(ExplainTarget& target, std::string_view text) {
  auto question = TRY(policy::git_question(text));
  target.host = std::move(question.host);
  target.request = std::move(question.request);
  target.is_request = true;
  return {};
}

}  // namespace

Result<ExplainTarget> parse_explain_target(std::string_view text) {
  constexpr std::string_view kAws = "aws ";
  constexpr std::string_view kGit = "git ";
  ExplainTarget target;
  target.text = text;
  if (text.starts_with(kAws)) {
    TRY_VOID(take_aws(target, text.substr(kAws.size())));
    return target;
  }
  if (text.starts_with(kGit)) {
    TRY_VOID(take_git(target, text.substr(kGit.size())));
    return target;
  }
  const auto space = text.find(' ');
  const bool has_method = space != std::string_view::npos;
  if (has_method) {
    if (!is_method(text.substr(0, space))) {
      return fail(Errc::kInvalid,
                  fmt::format("'{}' is not an HTTP method", escape_untrusted(text.substr(0, space), 64)));
    }
    target.method = text.substr(0, space);
    text.remove_prefix(space + 1);
  }
  const bool has_scheme = take_scheme(target, text);
  if (const auto scheme = text.find("://"); !has_scheme && scheme != std::string_view::npos) {
    return fail(Errc::kInvalid, fmt::format("'{}' is not https://, http://, wss:// or ws://",
                                            escape_untrusted(text.substr(0, scheme + 3), 64)));
  }
  if (has_method && !has_scheme) return fail(Errc::kInvalid, "a method needs a URL: 'GET https://host/path'");
  if (has_scheme) {
    target.is_request = true;
    text = text.substr(0, text.find('#'));
    const auto end = text.find_first_of("/?");
    if (end != std::string_view::npos) {
      TRY_VOID(take_path(target, text.substr(end)));
      text = text.substr(0, end);
    }
    if (text.contains('@')) return fail(Errc::kInvalid, "a URL with a user name is not taken");
  }
  TRY_VOID(take_authority(target, text));
  if (!has_scheme && target.port == kHttpPort) target.speech = Speech::kClearHttp;
  return target;
}

Result<Labels> parse_labels(std::string_view text) {
  Labels labels;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto piece = text.substr(0, comma);
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return fail(Errc::kInvalid, fmt::format("'{}' is not a label (key=value)", escape_untrusted(piece, 64)));
    }
    if (!labels.emplace(piece.substr(0, equals), piece.substr(equals + 1)).second) {
      return fail(Errc::kInvalid,
                  fmt::format("label '{}' is given twice", escape_untrusted(piece.substr(0, equals), 64)));
    }
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return labels;
}

}  // namespace enforcer::control
