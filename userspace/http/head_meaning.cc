// Beast parses the grammar; each function below answers one question that Beast leaves open or answers too kindly, and
// gives nothing, or what is wrong.
#include "http/head_meaning.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

#include "base/ascii.h"
#include "base/result.h"
#include "http/field_rules.h"
#include "http/head_grammar.h"

namespace enforcer::http {
namespace {

namespace beast = boost::beast;

std::optional<HeadMalformed> wrong(HeadFault fault, std::string_view what) {
  return HeadMalformed{fault, what};
}

HeadMalformed fault_of(const beast::error_code& error) {
  using beast::http::error;
  if (error == error::bad_content_length || error == error::bad_transfer_encoding ||
      error == error::multiple_content_length) {
    return {HeadFault::kFraming, "Content-Length or Transfer-Encoding malformed"};
  }
  if (error == error::bad_version) return {HeadFault::kSyntax, "version is not HTTP/1.0 or HTTP/1.1"};
  return {HeadFault::kSyntax, "not an HTTP/1 request head"};
}

/// One space, no more: the request line is what these three make it.
std::optional<HeadMalformed> check_request_line(std::string_view text, const RawHead& raw) {
  if (raw.version != 10 && raw.version != 11) return wrong(HeadFault::kSyntax, "version is not HTTP/1.0 or HTTP/1.1");
  const std::string line = fmt::format(FMT_COMPILE("{} {} HTTP/1.{}\r\n"), raw.method, raw.target, raw.version - 10);
  if (!text.starts_with(line)) return wrong(HeadFault::kSyntax, "request line malformed");
  if (const auto fault = method_fault(raw.method)) return wrong(HeadFault::kSyntax, *fault);
  return std::nullopt;
}

std::optional<HeadMalformed> read_host(const RawHead& raw, std::optional<Authority>& authority) {
  const auto hosts = values_of(raw.fields, "host");
  if (hosts.empty()) return wrong(HeadFault::kHost, "no Host");
  if (hosts.size() > 1) return wrong(HeadFault::kHost, "more than one Host");
  auto parsed = parse_authority(hosts[0]);
  if (!parsed) return wrong(HeadFault::kHost, "Host is not a host name or address");
  authority = *std::move(parsed);
  return std::nullopt;
}

/// The scheme of an absolute target, cut off; kUnsaid: another one.
RequestHead::Scheme take_scheme(std::string_view& target) {
  using Scheme = RequestHead::Scheme;
  constexpr std::pair<std::string_view, Scheme> kSchemes[] = {{"http://", Scheme::kHttp}, {"https://", Scheme::kHttps}};
  for (const auto& [text, scheme] : kSchemes) {
    if (!beast::iequals(target.substr(0, text.size()), text)) continue;
    target.remove_prefix(text.size());
    return scheme;
  }
  return Scheme::kUnsaid;
}

/// "http://authority/path": the authority must be the Host (RFC 9112 3.2.2 would let it win; two answers are one too
/// many).
std::optional<HeadMalformed> read_absolute_target(std::string_view target, RequestHead& head) {
  head.scheme = take_scheme(target);
  if (head.scheme == RequestHead::Scheme::kUnsaid) return wrong(HeadFault::kAuthority, "target of another scheme");
  const Port implied = head.scheme == RequestHead::Scheme::kHttp ? kHttpPort : kHttpsPort;
  const auto end = std::min(target.find_first_of("/?"), target.size());
  const auto authority = parse_authority(target.substr(0, end));
  if (!authority) return wrong(HeadFault::kHost, "authority of the target malformed");
  if (authority->host != head.authority.host ||
      authority->port.value_or(implied) != head.authority.port.value_or(implied)) {
    return wrong(HeadFault::kAuthority, "target and Host disagree");
  }
  std::string path(target.substr(end));
  if (!path.starts_with('/')) path.insert(0, "/");
  auto canonical = canonical_path(path);
  if (!canonical) return wrong(HeadFault::kPath, "path ambiguous or malformed");
  head.path = *std::move(canonical);
  return std::nullopt;
}

std::optional<HeadMalformed> read_target(const RawHead& raw, RequestHead& head) {
  if (raw.method == "CONNECT") {
    const auto authority = parse_authority(raw.target);
    if (!authority || !authority->port) return wrong(HeadFault::kSyntax, "CONNECT without host and port");
    if (authority->host != head.authority.host) return wrong(HeadFault::kAuthority, "target and Host disagree");
    head.tunnel = RequestHead::Tunnel::kConnect;
    return std::nullopt;
  }
  if (raw.target == "*") return wrong(HeadFault::kSyntax, "target is not a path");
  if (!raw.target.starts_with('/')) return read_absolute_target(raw.target, head);
  auto canonical = canonical_path(raw.target);
  if (!canonical) return wrong(HeadFault::kPath, "path ambiguous or malformed");
  head.path = *std::move(canonical);
  return std::nullopt;
}

/// RFC 9112 6.1-6.3, without any of the repairs a recipient MAY make.
std::optional<HeadMalformed> read_framing(const RawHead& raw, BodyFraming& body) {
  const auto lengths = values_of(raw.fields, "content-length");
  const auto codings = values_of(raw.fields, "transfer-encoding");
  if (!codings.empty()) {
    if (!lengths.empty()) return wrong(HeadFault::kFraming, "both Content-Length and Transfer-Encoding");
    if (raw.version == 10) return wrong(HeadFault::kFraming, "Transfer-Encoding in HTTP/1.0");
    if (codings.size() > 1 || !beast::iequals(codings[0], "chunked")) {
      return wrong(HeadFault::kFraming, "Transfer-Encoding is not one chunked");
    }
    body.kind = BodyFraming::Kind::kChunked;
    return std::nullopt;
  }
  if (lengths.empty()) return std::nullopt;
  if (lengths.size() > 1) return wrong(HeadFault::kFraming, "more than one Content-Length");
  const auto length = parse_content_length(lengths[0]);
  if (!length) return wrong(HeadFault::kFraming, "Content-Length is not a number");
  body = {BodyFraming::Kind::kLength, *length};
  return std::nullopt;
}

/// RFC 6455 4.1, and nothing that only resembles it.
bool opens_websocket(const RawHead& raw, const NameSet& nominated) {
  const auto keys = values_of(raw.fields, "sec-websocket-key");
  const auto versions = values_of(raw.fields, "sec-websocket-version");
  const bool bodiless =
      values_of(raw.fields, "content-length").empty() && values_of(raw.fields, "transfer-encoding").empty();
  constexpr std::size_t kKey = 24;  // 16 octets in base64
  return nominated.contains("upgrade") && raw.method == "GET" && raw.version == 11 && bodiless && keys.size() == 1 &&
         keys[0].size() == kKey && versions.size() == 1 && versions[0] == "13";
}

/// RFC 9110 7.8: an upgrade may be ignored. That to HTTP/2 in clear is (some clients ask for it with every request);
/// any other is a wish for bytes that nobody could look into.
RequestHead::Tunnel read_upgrade(const RawHead& raw, const NameSet& nominated) {
  using Tunnel = RequestHead::Tunnel;
  const auto upgrades = values_of(raw.fields, "upgrade");
  if (upgrades.empty()) return nominated.contains("upgrade") ? Tunnel::kUpgrade : Tunnel::kNone;
  if (upgrades.size() == 1 && beast::iequals(upgrades[0], "h2c")) return Tunnel::kNone;
  const bool websocket = upgrades.size() == 1 && beast::iequals(upgrades[0], "websocket");
  return websocket && opens_websocket(raw, nominated) ? Tunnel::kWebSocket : Tunnel::kUpgrade;
}

std::optional<HeadMalformed> read_connection(const RawHead& raw, RequestHead& head, NameSet& nominated) {
  for (const std::string_view value : values_of(raw.fields, "connection")) {
    if (!add_token_list(value, nominated)) return wrong(HeadFault::kSyntax, "Connection malformed");
  }
  // HTTP/1.0 keep-alive is not offered: its rules differ between implementations, and closing is always right.
  head.connection = nominated.contains("close") || raw.version == 10 ? Connection::kClose : Connection::kKeepAlive;
  if (head.tunnel == RequestHead::Tunnel::kNone) head.tunnel = read_upgrade(raw, nominated);
  return std::nullopt;
}

std::optional<HeadMalformed> read_expect(const RawHead& raw, RequestHead& head) {
  const auto expectations = values_of(raw.fields, "expect");
  if (expectations.empty()) return std::nullopt;
  if (expectations.size() > 1 || !beast::iequals(expectations[0], "100-continue")) {
    return wrong(HeadFault::kSyntax, "Expect is not 100-continue");
  }
  const bool has_body = head.body.kind == BodyFraming::Kind::kChunked || head.body.length > 0;
  head.expects_continue = has_body && raw.version == 11;  // RFC 9110 10.1.1: ignored in HTTP/1.0
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> method_fault(std::string_view method) {
  // RFC 9110 9.1: case-sensitive, and some origins are not.
  const bool plain = std::ranges::all_of(method, [](char c) { return ascii::is_upper(c) || c == '-'; });
  if (!plain || method.empty() || method.starts_with('-') || method.size() > 32) return "method malformed";
  // Their answer is the request, with whatever was added to it (RFC 9110 9.3.8).
  if (method == "TRACE" || method == "TRACK") return "method echoes credentials";
  return std::nullopt;
}

HeadOutcome understand_head(Bytes bytes) {
  const std::string_view text = as_text(bytes);
  auto outcome = read_raw_request(text);
  if (!outcome) return fault_of(outcome.error());
  RawHead& raw = *outcome;
  if (const auto fault = check_request_line(text, raw)) return *fault;
  std::optional<Authority> authority;
  if (const auto fault = read_host(raw, authority)) return *fault;
  RequestHead head{.method = raw.method, .authority = *std::move(authority), .path = {}, .fields = {}, .body = {}};
  head.version = raw.version == 10 ? Version::kHttp10 : Version::kHttp11;
  if (const auto fault = read_target(raw, head)) return *fault;
  if (const auto fault = read_framing(raw, head.body)) return *fault;
  NameSet nominated;
  if (const auto fault = read_connection(raw, head, nominated)) return *fault;
  if (const auto fault = read_expect(raw, head)) return *fault;
  head.fields.reserve(raw.fields.size() + 1);  // and a credential
  for (HeaderField& field : raw.fields) {
    if (is_end_to_end(field.name, nominated)) head.fields.push_back(std::move(field));
  }
  return head;
}

}  // namespace enforcer::http
