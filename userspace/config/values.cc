#include "config/values.h"

#include <fmt/format.h>

#include "base/text.h"

namespace enforcer::config {

using policy::Code;
using policy::Reader;
using policy::YamlNode;

namespace {

std::optional<Endpoint> parse_endpoint(std::string_view text, std::optional<Port> default_port) {
  std::string_view address = text;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    address = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
    if (!rest.empty()) port = rest.substr(1);
  } else if (text.find(':') != std::string_view::npos && text.find(':') == text.rfind(':')) {
    address = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
  }
  const auto parsed = IpAddress::parse(address);
  if (!parsed || (text.starts_with('[') && parsed->is_v4()) || (!port && !default_port)) return std::nullopt;
  if (!port) return Endpoint{*parsed, *default_port};
  const auto number = policy::parse_decimal(*port);
  if (!number || *number < 1 || *number > 65535) return std::nullopt;
  return Endpoint{*parsed, Port{static_cast<std::uint16_t>(*number)}};
}

}  // namespace

std::optional<Endpoint> read_endpoint(const YamlNode& node, std::optional<Port> default_port, Reader& reader) {
  const auto text = policy::read_text(node, "an address", reader);
  if (!text) return std::nullopt;
  const auto endpoint = parse_endpoint(*text, default_port);
  if (!endpoint) {
    reader.report(
        node.place, Code::kBadValue,
        fmt::format("'{}' is not an IP address{}", escape_untrusted(*text, 64), default_port ? "" : " with a port"),
        default_port ? "write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53" : "write 127.0.0.1:9464 or [::1]:9464");
  }
  return endpoint;
}

std::optional<Cidr> read_pool(const YamlNode& node, Family family, int shortest, int longest, Reader& reader) {
  const auto text = policy::read_text(node, "an address block", reader);
  if (!text) return std::nullopt;
  const auto block = Cidr::parse(*text);
  const std::string_view name = family == Family::kIpv4 ? "IPv4" : "IPv6";
  if (block && block->is_v4() == (family == Family::kIpv4) && block->length() >= shortest &&
      block->length() <= longest) {
    return *block;
  }
  reader.report(
      node.place, Code::kBadValue,
      fmt::format("'{}' is not an {} block of /{} to /{}", escape_untrusted(*text, 64), name, shortest, longest),
      block ? "" : block.error().message);
  return std::nullopt;
}

std::optional<std::string> read_path(const YamlNode& node, Reader& reader) {
  const auto text = policy::read_text(node, "a path", reader);
  if (!text) return std::nullopt;
  if (text->starts_with('/') && text->size() < 4096) return std::string(*text);
  reader.report(node.place, Code::kBadValue, fmt::format("'{}' is not an absolute path", escape_untrusted(*text, 128)));
  return std::nullopt;
}

std::vector<std::string> read_paths(const YamlNode& node, std::string_view what, Reader& reader) {
  std::vector<std::string> paths;
  for (const YamlNode& item : policy::list_items(node, what, reader)) {
    if (auto path = read_path(item, reader)) paths.push_back(*std::move(path));
  }
  return paths;
}

std::vector<std::string> read_command(const YamlNode& node, std::string_view what, Reader& reader) {
  const std::size_t errors_before = reader.errors();
  std::vector<std::string> argv;
  for (const YamlNode& item : policy::some_items(node, what, reader)) {
    const auto argument = policy::read_text(item, "an argument", reader);
    if (!argument) continue;
    if (argument->contains('\0')) reader.report(item.place, Code::kBadValue, "an argument cannot have a NUL in it");
    argv.emplace_back(*argument);
  }
  if (reader.errors() == errors_before && !argv.empty() && !argv.front().starts_with('/')) {
    reader.report(node.items.front().place, Code::kBadValue,
                  fmt::format("'{}' is not an absolute path", escape_untrusted(argv.front(), 128)),
                  "there is no PATH to look a program up in, and no shell");
  }
  if (reader.errors() != errors_before) argv.clear();
  return argv;
}

std::optional<std::chrono::milliseconds> read_bounded_duration(const YamlNode& node, std::chrono::seconds least,
                                                               std::chrono::seconds most, Reader& reader) {
  const auto duration = policy::read_duration(node, reader);
  if (!duration || (*duration >= least && *duration <= most)) return duration;
  reader.report(
      node.place, Code::kBadValue,
      fmt::format("'{}' is not from {}s to {}s", escape_untrusted(node.text, 64), least.count(), most.count()));
  return std::nullopt;
}

}  // namespace enforcer::config
