#include "credentials/sts_xml.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/ascii.h"

namespace enforcer::credentials {
namespace {

constexpr std::size_t kDeepest = 16;

bool is_xml_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_xml_name_octet(char c) {
  return ascii::is_alphanumeric(c) || c == '_' || c == '-' || c == '.' || c == ':';
}

/// XML 1.0 4.6 and 4.1; `name` is what stands between '&' and ';'.
std::optional<char> decode_entity(std::string_view name) {
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [known, meant] : kNamed) {
    if (name == known) return meant;
  }
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const bool hexadecimal = name.starts_with('x');
  if (hexadecimal) name.remove_prefix(1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  const bool is_legal = (number >= 0x20 && number < 0x7f) || number == '\t' || number == '\r' || number == '\n';
  return is_legal ? std::optional(static_cast<char>(number)) : std::nullopt;
}

/// One pass over a document; every step says whether it was well-formed.
class StsXmlWalk {
 public:
  StsXmlWalk(std::string_view document, std::string_view path) : rest_(document) {
    while (true) {
      const auto slash = path.find('/');
      wanted_.push_back(path.substr(0, slash));
      if (slash == std::string_view::npos) break;
      path.remove_prefix(slash + 1);
    }
  }

  std::optional<WipedString> run() {
    if (!declaration()) return std::nullopt;
    while (!rest_.empty()) {
      const bool well = !rest_.starts_with('<') ? text() : rest_.starts_with("</") ? end_tag() : start_tag();
      if (!well) return std::nullopt;
    }
    if (!open_.empty() || !found_once_) return std::nullopt;
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool at_wanted() const { return open_ == wanted_; }

  bool declaration() {
    if (!rest_.starts_with("<?xml")) return true;
    const auto end = rest_.find("?>");
    if (end == std::string_view::npos) return false;
    rest_.remove_prefix(end + 2);
    return true;
  }

  bool text() {
    const std::string_view run = rest_.substr(0, rest_.find('<'));
    rest_.remove_prefix(run.size());
    if (open_.empty()) return std::ranges::all_of(run, is_xml_blank);
    return !at_wanted() || append(run);
  }

  bool append(std::string_view run) {
    while (!run.empty()) {
      const auto plain = std::min(run.find('&'), run.size());
      found_ += run.substr(0, plain);
      run.remove_prefix(plain);
      if (run.empty()) break;
      const auto end = run.find(';');
      const auto meant = end == std::string_view::npos ? std::nullopt : decode_entity(run.substr(1, end - 1));
      if (!meant) return false;
      found_ += *meant;
      run.remove_prefix(end + 1);
    }
    return true;
  }

  std::string_view take_name() {
    const auto size = std::ranges::find_if_not(rest_, is_xml_name_octet) - rest_.begin();
    const std::string_view name = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(name.size());
    return name;
  }
  void skip_blanks() {
    rest_.remove_prefix(static_cast<std::size_t>(std::ranges::find_if_not(rest_, is_xml_blank) - rest_.begin()));
  }
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  bool end_tag() {
    take("</");
    const std::string_view name = take_name();
    skip_blanks();
    if (open_.empty() || open_.back() != name || !take(">")) return false;
    open_.pop_back();
    return true;
  }

  bool start_tag() {
    take("<");
    const std::string_view name = take_name();
    if (name.empty()) return false;  // "<!" and "<?", too
    if (at_wanted() || (open_.empty() && std::exchange(rooted_, true)) || open_.size() == kDeepest) return false;
    if (!attributes()) return false;
    open_.push_back(name);
    if (at_wanted() && std::exchange(found_once_, true)) return false;
    if (take("/>")) {
      open_.pop_back();
      return true;
    }
    return take(">");
  }

  bool attributes() {
    while (true) {
      const auto before = rest_.size();
      skip_blanks();
      if (rest_.starts_with('>') || rest_.starts_with("/>")) return true;
      if (rest_.size() == before || take_name().empty() || !take("=")) return false;
      const char quote = rest_.empty() ? '\0' : rest_[0];
      if (quote != '"' && quote != '\'') return false;
      const auto end = rest_.find(quote, 1);
      if (end == std::string_view::npos || rest_.substr(0, end).contains('<')) return false;
      rest_.remove_prefix(end + 1);
    }
  }

  std::string_view rest_;
  std::vector<std::string_view> wanted_;
  std::vector<std::string_view> open_;
  WipedString found_;
  bool found_once_ = false;
  bool rooted_ = false;
};

}  // namespace

std::optional<WipedString> xml_text(std::string_view document, std::string_view path) {
  return StsXmlWalk(document, path).run();
}

}  // namespace enforcer::credentials
