// apt.conf(5), for its proxies only: `Acquire::http::Proxy "http://proxy:3142";` and the same with braces.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "enforcerctl/machine_readers.h"

namespace enforcer::ctl {
namespace {

struct ConfToken {
  enum class Kind { kWord, kString, kSemicolon, kOpen, kClose };
  Kind kind = Kind::kWord;
  std::string_view text;
  std::size_t line = 0;
};

class ConfScanner {
 public:
  explicit ConfScanner(std::string_view text) : text_(text) {}

  /// None at the end, and where a string or comment has no end: failed() tells.
  std::optional<ConfToken> next() {
    if (!skip_blanks() || at_ == text_.size()) return std::nullopt;
    switch (text_[at_]) {
      case ';':
        return single(ConfToken::Kind::kSemicolon);
      case '{':
        return single(ConfToken::Kind::kOpen);
      case '}':
        return single(ConfToken::Kind::kClose);
      case '"':
        return string();
      default:
        return word();
    }
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t line() const { return line_; }

 private:
  ConfToken single(ConfToken::Kind kind) { return {kind, text_.substr(at_++, 1), line_}; }

  std::optional<ConfToken> string() {
    const auto end = text_.find_first_of("\"\n", at_ + 1);
    if (end == std::string_view::npos || text_[end] == '\n') {
      failed_ = true;
      return std::nullopt;
    }
    const ConfToken token{ConfToken::Kind::kString, text_.substr(at_ + 1, end - at_ - 1), line_};
    at_ = end + 1;
    return token;
  }

  ConfToken word() {
    const auto end = std::min(text_.find_first_of(" \t\r\n;{}\"", at_), text_.size());
    const ConfToken token{ConfToken::Kind::kWord, text_.substr(at_, end - at_), line_};
    at_ = end;
    return token;
  }

  /// Blanks, comments, and directives such as #clear, which a line of its own holds.
  bool skip_blanks() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with('\n')) {
        ++line_;
        ++at_;
      } else if (rest.find_first_of(" \t\r") == 0) {
        ++at_;
      } else if (rest.starts_with("//") || rest.starts_with('#')) {
        at_ += std::min(rest.find('\n'), rest.size());
      } else if (rest.starts_with("/*")) {
        const auto end = rest.find("*/", 2);
        if (end == std::string_view::npos) return !(failed_ = true);
        line_ += static_cast<std::size_t>(std::ranges::count(rest.substr(0, end), '\n'));
        at_ += end + 2;
      } else {
        return true;
      }
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  bool failed_ = false;
};

bool is_proxy_setting(std::string_view name) {
  std::string low(name);
  std::ranges::transform(low, low.begin(), ascii::lower);
  for (const std::string_view known : {"acquire::http::proxy", "acquire::https::proxy"}) {
    if (low == known || low.starts_with(std::string(known) + "::")) return true;
  }
  return false;
}

void take_proxy(const ConfToken& value, std::string_view file, MachineFindings& into) {
  std::string low(value.text);
  std::ranges::transform(low, low.begin(), ascii::lower);
  if (low.empty() || low == "direct" || low == "false") return;
  const FilePlace place{file, value.line};
  const auto url = parse_registry_url(value.text);
  into.remark(place,
              fmt::format("apt asks through a proxy{}; Enforcer asks the mirrors itself. If there is no other way "
                          "out of this machine, set egress.proxy in enforcer.yaml",
                          url ? fmt::format(" ({})", url->target) : ""));
}

}  // namespace

void read_apt_conf(std::string_view file, std::string_view text, MachineFindings& into) {
  ConfScanner scanner(text);
  std::vector<std::string> scopes{""};  // each as a prefix: "Acquire::http::"
  std::string name;
  std::optional<ConfToken> value;
  while (const auto token = scanner.next()) {
    switch (token->kind) {
      case ConfToken::Kind::kWord:
      case ConfToken::Kind::kString:
        if (name.empty() && token->kind == ConfToken::Kind::kWord) {
          name = scopes.back() + std::string(token->text);
        } else {
          value = token;
        }
        break;
      case ConfToken::Kind::kSemicolon:
        if (value && is_proxy_setting(name)) take_proxy(*value, file, into);
        name.clear();
        value.reset();
        break;
      case ConfToken::Kind::kOpen:
        scopes.push_back(name + "::");
        name.clear();
        value.reset();
        break;
      case ConfToken::Kind::kClose:
        if (scopes.size() == 1)
          return into.warn({file, token->line}, "a brace that closes nothing; the rest is skipped");
        scopes.pop_back();
        name.clear();
        value.reset();
        break;
    }
  }
  if (scanner.failed() || scopes.size() > 1)
    into.warn({file, scanner.line()}, "a string, comment or brace has no end; what is behind is skipped");
}

}  // namespace enforcer::ctl
