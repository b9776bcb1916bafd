#include "enforcerctl/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/text.h"

namespace enforcer::ctl {
namespace {

using nlohmann::json;

/// Words that are no text where they stand plain, in YAML 1.1 or 1.2.
bool is_reserved(std::string_view word) {
  static constexpr std::array<std::string_view, 11> kReserved{"true", "false", "null", "yes", "no", "on",
                                                              "off",  "y",     "n",    "nan", "inf"};
  return std::ranges::any_of(
      kReserved, [&](std::string_view reserved) { return std::ranges::equal(word, reserved, {}, ascii::lower, {}); });
}

/// As a plain scalar where that can mean nothing else, else as JSON has it: a JSON string is a double-quoted scalar
/// (YAML 1.2.2, 7.3.1), but for characters beyond the first plane, which JSON writes as two.
std::string yaml_scalar(const json& value) {
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  const auto is_plain = [](char c) {
    return ascii::is_alphanumeric(c) || c == '_' || c == '-' || c == '.' || c == '/';
  };
  if (!text.empty() && ascii::is_letter(text.front()) && std::ranges::all_of(text, is_plain) && !is_reserved(text)) {
    return text;
  }
  std::string quoted = value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  for (std::size_t at = 0; at + 12 <= quoted.size(); ++at) {
    if (quoted[at] != '\\') continue;
    const std::string_view pair = std::string_view(quoted).substr(at, 12);
    unsigned high = 0;
    unsigned low = 0;
    const bool surrogates = pair.starts_with("\\ud") && pair[3] >= '8' && pair[3] <= 'b' && pair.substr(6, 3) == "\\ud";
    if (surrogates) {
      std::from_chars(pair.data() + 2, pair.data() + 6, high, 16);
      std::from_chars(pair.data() + 8, pair.data() + 12, low, 16);
      quoted.replace(at, 12, fmt::format("\\U{:08x}", 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
    }
    ++at;  // what is escaped begins no escape
  }
  return quoted;
}

/// `first`: the indentation of the first line is there already, behind "- ".
enum class FirstLine { kIndent, kThere };

void write_yaml(std::string& out, const json& value, std::size_t depth, FirstLine first) {
  const std::string indentation(2 * depth, ' ');
  const auto indent = [&] {
    if (first == FirstLine::kIndent) out += indentation;
    first = FirstLine::kIndent;
  };
  const auto write_below = [&](const json& below) {
    if (below.is_structured() && !below.empty()) {
      out += '\n';
      write_yaml(out, below, depth + 1, FirstLine::kIndent);
    } else {
      out += " " + yaml_scalar(below) + "\n";
    }
  };
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, below] : value.items()) {
      indent();
      out += yaml_scalar(json(key)) + ":";
      write_below(below);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const json& element : value) {
      indent();
      out += "- ";
      if (element.is_structured() && !element.empty()) {
        write_yaml(out, element, depth + 1, FirstLine::kThere);
      } else {
        out += yaml_scalar(element) + "\n";
      }
    }
  } else {
    indent();
    out += yaml_scalar(value) + "\n";
  }
}

}  // namespace

std::string yaml_document(const json& value) {
  std::string out;
  write_yaml(out, value, 0, FirstLine::kIndent);
  return out;
}

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
