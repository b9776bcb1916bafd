#include "enforcerctl/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/text.h"

namespace enforcer::ctl {

std::string yaml_comment(std::string_view text) {
  return escape_untrusted(text, kLongestComment);
}

std::string comment_line(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return !ascii::is_printable(c); }, '?');
  return out;
}

std::string yaml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const std::uint8_t byte : as_bytes(text)) {
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      if (byte == '"' || byte == '\\') out += '\\';
      out += static_cast<char>(byte);  // UTF-8 stays; what is none is refused by whoever reads it
    }
  }
  return out + '"';
}

std::string yaml_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + yaml_quoted(text);
  return "[" + out + "]";
}

}  // namespace enforcer::ctl
