#include "policy/credential_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"

namespace enforcer::policy {
namespace {

constexpr std::size_t kLongestVariable = 128;

}  // namespace

void report_value(Place place, std::string_view text, std::string_view why, std::string hint, Reader& reader) {
  reader.report(place, Code::kBadValue, fmt::format("'{}' {}", escape_untrusted(text, 128), why), std::move(hint));
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, ascii::is_printable);
}

bool is_visible(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, ascii::is_visible);
}

bool is_variable(std::string_view text) {
  return !text.empty() && text.size() <= kLongestVariable &&
         std::ranges::all_of(text, [](char c) { return ascii::is_alphanumeric(c) || c == '_'; });
}

bool has_one_hole(std::string_view text) {
  const auto place = text.find("{}");
  return place != std::string_view::npos && text.find("{}", place + 1) == std::string_view::npos;
}

std::optional<std::string> read_visible(const YamlNode& node, std::string_view what, std::size_t longest,
                                        Reader& reader) {
  const auto text = read_text(node, what, reader);
  if (!text) return std::nullopt;
  if (is_visible(*text) && text->size() <= longest) return std::string(*text);
  report_value(node.place, *text, fmt::format("cannot be '{}'", what),
               fmt::format("1-{} visible characters of ASCII", longest), reader);
  return std::nullopt;
}

std::optional<std::string> read_absolute_path(const YamlNode& node, std::string_view what, Reader& reader) {
  const auto text = read_text(node, what, reader);
  if (!text) return std::nullopt;
  if (text->starts_with('/')) return std::string(*text);
  report_value(node.place, *text, "is not an absolute path", "", reader);
  return std::nullopt;
}

std::optional<HttpsUrl> read_https_url(const YamlNode& node, std::string_view what, Reader& reader) {
  const auto text = read_text(node, what, reader);
  if (!text) return std::nullopt;
  auto url = HttpsUrl::parse(*text);
  if (url) return *std::move(url);
  report_value(node.place, *text, fmt::format("is {}", url.error()), "write https://host.example/path", reader);
  return std::nullopt;
}

}  // namespace enforcer::policy
