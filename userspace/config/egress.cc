#include "config/egress.h"

#include <fmt/format.h>

#include "base/text.h"

namespace enforcer::config {

using policy::Code;
using policy::Field;
using policy::Need;
using policy::Reader;
using policy::Shape;
using policy::YamlNode;

namespace {

constexpr std::string_view kHttpScheme = "http://";
constexpr std::string_view kSocksScheme = "socks5h://";
constexpr std::string_view kProxyForms = "write http://proxy.example:3128 or socks5h://proxy.example:1080";

struct EgressDraft {
  std::optional<EgressProxy> proxy;
  std::optional<policy::Place> credential_place;
  std::string credential;
};

std::string_view hint_for(std::string_view text) {
  if (text.starts_with("https://")) return "the connection to the proxy itself is not encrypted: write http://";
  if (text.starts_with("socks5://")) return "write socks5h://: the proxy is asked for names";
  return kProxyForms;
}

/// A name or an address, IPv6 in brackets.
std::optional<std::variant<IpAddress, HostName>> parse_host(std::string_view text) {
  const bool bracketed = text.size() > 2 && text.starts_with('[') && text.ends_with(']');
  const auto address = IpAddress::parse(bracketed ? text.substr(1, text.size() - 2) : text);
  if (address && address->is_v4() != bracketed) return *address;
  auto name = HostName::parse(text);
  if (!name) return std::nullopt;
  return *std::move(name);
}

std::optional<EgressProxy> parse_proxy(std::string_view text) {
  EgressProxy proxy;
  if (text.starts_with(kHttpScheme)) {
    text.remove_prefix(kHttpScheme.size());
  } else if (text.starts_with(kSocksScheme)) {
    text.remove_prefix(kSocksScheme.size());
    proxy.protocol = EgressProxy::Protocol::kSocks5;
  } else {
    return std::nullopt;
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = parse_host(text.substr(0, colon));
  const auto port = policy::parse_decimal(text.substr(colon + 1));
  if (!host || !port || *port < 1 || *port > 65535) return std::nullopt;
  proxy.host = *std::move(host);
  proxy.port = Port{static_cast<std::uint16_t>(*port)};
  return proxy;
}

void read_proxy(const YamlNode& node, EgressDraft& draft, Reader& reader) {
  if (node.kind == YamlNode::Kind::kNothing) return;
  const auto text = policy::read_text(node, "a proxy", reader);
  if (!text) return;
  // Before anything is repeated in a message: what stands before '@' is a password.
  if (text->contains('@')) {
    reader.report(node.place, Code::kBadValue, "a proxy's user and password do not stand in its address",
                  "name a Credential as 'credential'");
    return;
  }
  draft.proxy = parse_proxy(*text);
  if (draft.proxy) return;
  reader.report(node.place, Code::kBadValue,
                fmt::format("'{}' is not a proxy with its port", escape_untrusted(*text, 128)),
                std::string(hint_for(*text)));
}

constexpr std::string_view kNoProxy[] = {"null"};
constexpr Shape kProxy{.called = "http:// or socks5h:// with host and port",
                       .pattern = "^(http|socks5h)://[^@]+:[0-9]+/?$",
                       .words = kNoProxy,
                       .example = "http://proxy.example:3128"};
constexpr Shape kProxyCredential{
    .called = "name of a Credential", .pattern = policy::shape::name().pattern, .words = kNoProxy};

constexpr Field<EgressDraft> kEgressFields[] = {
    {"proxy", Need::kOptional, kProxy,
     "A proxy that origins are reached through: CONNECT, or SOCKS 5. Default null: they are connected to directly.",
     read_proxy},
    {"credential", Need::kOptional, kProxyCredential,
     "User and password for the proxy: a Credential that is bound to its name `as: basic`. Default null.",
     [](const YamlNode& n, EgressDraft& draft, Reader& r) {
       if (n.kind == YamlNode::Kind::kNothing) return;
       draft.credential_place = n.place;
       draft.credential = policy::read_name(n, "a Credential", r).value_or("");
     }},
};

}  // namespace

std::vector<policy::FieldShape> egress_fields() {
  return policy::fields_of<kEgressFields>();
}

std::string EgressProxy::place() const {
  if (const auto* address = std::get_if<IpAddress>(&host)) return Endpoint{*address, port}.to_string();
  return fmt::format("{}:{}", std::get<HostName>(host).text(), static_cast<unsigned>(port));
}

std::optional<EgressProxy> read_egress(const YamlNode& node, Reader& reader) {
  EgressDraft draft;
  if (!policy::read_object<EgressDraft>(node, "egress", kEgressFields, draft, reader)) return std::nullopt;
  if (!draft.credential_place) return draft.proxy;
  if (!draft.proxy) {
    reader.report(*draft.credential_place, Code::kConflict, "a 'credential' is for a 'proxy', and there is none");
  } else if (std::holds_alternative<IpAddress>(draft.proxy->host)) {
    reader.report(*draft.credential_place, Code::kConflict, "a credential is bound to a name, and the proxy has none",
                  "write the proxy's name instead of its address");
  } else {
    draft.proxy->credential = std::move(draft.credential);
  }
  return draft.proxy;
}

}  // namespace enforcer::config
