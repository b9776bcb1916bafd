#include "policy/https_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace enforcer::policy {
namespace {

constexpr std::string_view kScheme = "https://";
constexpr std::size_t kLongest = 2048;

}  // namespace

std::expected<HttpsUrl, std::string_view> HttpsUrl::parse(std::string_view text) {
  if (!text.starts_with(kScheme)) return std::unexpected("not an https:// URL");
  if (text.size() > kLongest) return std::unexpected("too long for a URL");
  text.remove_prefix(kScheme.size());
  if (!std::ranges::all_of(text, ascii::is_visible)) return std::unexpected("not visible ASCII");
  if (text.find_first_of("@?#\\") != std::string_view::npos) {
    return std::unexpected("a URL with a user, a query, a fragment or '\\'");
  }
  const auto slash = std::min(text.find('/'), text.size());
  std::string_view authority = text.substr(0, slash);
  std::string_view path = text.substr(slash);
  Port port = kHttpsPort;
  if (const auto colon = authority.rfind(':'); colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size() || number == 0) {
      return std::unexpected("a URL with a port that is none");
    }
    port = Port{number};
    authority = authority.substr(0, colon);
  }
  auto host = HostName::parse(authority);
  if (!host) return std::unexpected("a URL without the name of a host");
  return HttpsUrl{.host = *std::move(host), .port = port, .path = path.empty() ? "/" : std::string(path)};
}

std::string text_of(const HttpsUrl& url) {
  const std::string port = url.port == kHttpsPort ? "" : fmt::format(":{}", static_cast<unsigned>(url.port));
  return fmt::format("{}{}{}{}", kScheme, url.host.text(), port, url.path);
}

}  // namespace enforcer::policy
