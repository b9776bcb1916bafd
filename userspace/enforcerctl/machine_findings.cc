#include "enforcerctl/machine_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/ascii.h"
#include "base/host_name.h"
#include "base/ip.h"
#include "base/text.h"

namespace enforcer::ctl {
namespace {

constexpr std::size_t kLongestUrl = 4096;
constexpr std::uint16_t kHttps = 443;
constexpr std::uint16_t kHttp = 80;

/// Of "https://…" and "http://…"; what is behind is left in `text`. 0: neither.
std::uint16_t take_scheme(std::string_view& text) {
  const auto end = text.find("://");
  if (end == std::string_view::npos) return 0;
  std::string scheme(text.substr(0, end));
  std::ranges::transform(scheme, scheme.begin(), ascii::lower);
  text.remove_prefix(end + 3);
  if (scheme == "https") return kHttps;
  return scheme == "http" ? kHttp : 0;
}

}  // namespace

Result<RegistryUrl> parse_registry_url(std::string_view text) {
  if (text.size() > kLongestUrl) return fail(Errc::kInvalid, "the URL is too long");
  const std::uint16_t usual = take_scheme(text);
  if (usual == 0) return fail(Errc::kInvalid, "this is no http or https URL");
  std::string_view authority = text.substr(0, text.find_first_of("/?#"));
  // RFC 3986 3.2.1; the last one, because people write '@' into passwords.
  const auto at = authority.rfind('@');
  const bool names_credential = at != std::string_view::npos;
  if (names_credential) authority.remove_prefix(at + 1);
  if (authority.starts_with('[')) return fail(Errc::kInvalid, "the URL names an address, not a host");
  const auto colon = authority.find(':');
  std::uint16_t port = usual;
  if (colon != std::string_view::npos && colon + 1 < authority.size()) {
    const std::string_view digits = authority.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc() || end != digits.data() + digits.size() || port == 0)
      return fail(Errc::kInvalid, "the port of the URL is none");
  }
  const std::string_view host = authority.substr(0, colon);
  if (IpAddress::parse(host)) return fail(Errc::kInvalid, "the URL names an address, not a host");
  const auto name = HostName::parse(host);
  if (!name) return fail(Errc::kInvalid, "the URL names no host");
  if (name->text() == "localhost" || name->text().ends_with(".localhost"))
    return fail(Errc::kInvalid, "the URL leads to this machine itself, where a guest cannot go");
  return RegistryUrl{.target = port == kHttps ? name->text() : fmt::format("{}:{}", name->text(), port),
                     .names_credential = names_credential};
}

std::string FilePlace::text() const {
  const std::string shown = escape_untrusted(file);
  return line == 0 ? shown : fmt::format("{}:{}", shown, line);
}

std::vector<std::string> MachineFindings::targets() const {
  std::set<std::string> all;
  for (const FoundHost& host : hosts_) all.insert(host.target);
  return {all.begin(), all.end()};
}

std::vector<std::string> MachineFindings::files() const {
  std::set<std::string> all;
  for (const FoundHost& host : hosts_) all.insert(host.place);
  return {all.begin(), all.end()};
}

void MachineFindings::add_url(std::string_view url, const FilePlace& place, std::string_view setting) {
  const auto parsed = parse_registry_url(url);
  if (!parsed) return warn(place, parsed.error().message + "; skipped");
  if (hosts_.size() == kMostHosts) return warn(place, fmt::format("more than {} registries; skipped", kMostHosts));
  hosts_.push_back({.target = parsed->target, .place = place.text(), .setting = std::string(setting)});
  if (parsed->names_credential) {
    remark(place, fmt::format("the URL of {} has a user or password in it, which is not copied: make a Credential and "
                              "name it in the rule",
                              parsed->target));
  }
}

void MachineFindings::forget(std::string_view setting) {
  std::erase_if(hosts_, [&](const FoundHost& host) { return host.setting == setting; });
}

void MachineFindings::warn(const FilePlace& place, std::string_view what) {
  warnings_.push_back(fmt::format("{}: {}", place.text(), what));
}

void MachineFindings::remark(const FilePlace& place, std::string_view what) {
  remarks_.push_back(fmt::format("{}: {}", place.text(), what));
}

}  // namespace enforcer::ctl
