#include "policy/schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "policy/did_you_mean.h"

namespace enforcer::policy {
namespace {

/// As people call it: every scalar is a text here, but nobody would say so of 5.
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto point = std::min(text.find('.'), text.size());
  const auto digits = [](std::string_view part) { return !part.empty() && std::ranges::all_of(part, ascii::is_digit); };
  return digits(text.substr(0, point)) && (point == text.size() || digits(text.substr(point + 1)));
}

std::string_view describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNothing:
    case YamlNode::Kind::kRefused:
      return "nothing";
    case YamlNode::Kind::kText:
      return is_number(node.text) ? "a number" : "text";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
  }
  return "";
}

void report_shape(const YamlNode& node, std::string_view what, std::string_view wanted, Reader& reader) {
  if (node.kind == YamlNode::Kind::kRefused) return;
  reader.report(node.place, Code::kWrongShape,
                fmt::format("{} must be {}, but here is {}", what, wanted, describe(node)));
}

bool is_name_character(char c) {
  return ascii::is_lower(c) || ascii::is_digit(c) || c == '-' || c == '_' || c == '.';
}
bool is_letter_or_digit(char c) {
  return ascii::is_lower(c) || ascii::is_digit(c);
}

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

/// A number with one of the units. None when it is not that or does not fit into 63 bits.
std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_decimal(text.substr(0, digits));
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::suffix);
  if (!number || unit == units.end()) return std::nullopt;
  if (*number > std::uint64_t{std::numeric_limits<std::int64_t>::max()} / unit->factor) return std::nullopt;
  return *number * unit->factor;
}

}  // namespace

bool expect_map(const YamlNode& node, std::string_view what, Reader& reader) {
  if (node.kind == YamlNode::Kind::kMap) return true;
  report_shape(node, what, "a mapping", reader);
  return false;
}

void report_unknown_key(const YamlMember& member, std::string_view what, std::span<const std::string_view> known,
                        Reader& reader) {
  reader.report(member.place, Code::kUnknownKey,
                fmt::format("unknown key '{}' in {}", escape_untrusted(member.key, 64), what),
                did_you_mean(member.key, known));
}

void report_missing_key(Place place, std::string_view key, std::string_view shape, std::string_view what,
                        Reader& reader) {
  reader.report(place, Code::kMissingKey, fmt::format("{} has no '{}' ({})", what, key, shape));
}

std::span<const YamlNode> list_items(const YamlNode& node, std::string_view what, Reader& reader) {
  if (node.kind == YamlNode::Kind::kList) return node.items;
  report_shape(node, what, "a list", reader);
  return {};
}

std::span<const YamlNode> some_items(const YamlNode& node, std::string_view what, Reader& reader) {
  const auto items = list_items(node, what, reader);
  if (node.kind == YamlNode::Kind::kList && items.empty()) {
    reader.report(node.place, Code::kEmpty, fmt::format("{} must not be empty", what));
  }
  return items;
}

std::optional<std::string_view> read_text(const YamlNode& node, std::string_view what, Reader& reader) {
  if (node.kind == YamlNode::Kind::kText) return node.text;
  report_shape(node, what, "text", reader);
  return std::nullopt;
}

std::optional<bool> read_truth(const YamlNode& node, Reader& reader) {
  static constexpr std::string_view kTruths[] = {"false", "true"};
  const auto choice = read_choice(node, kTruths, reader);
  return choice ? std::optional(*choice == 1) : std::nullopt;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 19 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

std::optional<std::uint64_t> read_number(const YamlNode& node, std::uint64_t least, std::uint64_t most,
                                         Reader& reader) {
  const auto text = read_text(node, "a number", reader);
  if (!text) return std::nullopt;
  const auto number = parse_decimal(*text);
  if (number && *number >= least && *number <= most) return number;
  reader.report(node.place, Code::kBadValue,
                fmt::format("'{}' is not a number from {} to {}", escape_untrusted(*text, 64), least, most));
  return std::nullopt;
}

std::optional<std::uint64_t> read_size(const YamlNode& node, Reader& reader) {
  static constexpr Unit kUnits[] = {
      {"", 1}, {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", std::uint64_t{1} << 40}};
  const auto text = read_text(node, "a size", reader);
  if (!text) return std::nullopt;
  const auto size = parse_with_unit(*text, kUnits);
  if (size && *size > 0) return size;
  reader.report(node.place, Code::kBadValue, fmt::format("'{}' is not a number of bytes", escape_untrusted(*text, 64)),
                "write 1048576, 256Ki, 256Mi or 2Gi");
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> read_duration(const YamlNode& node, Reader& reader) {
  static constexpr std::uint64_t kSecond = 1000;
  static constexpr std::uint64_t kDay = 24 * 3600 * kSecond;
  static constexpr Unit kUnits[] = {{"ms", 1}, {"s", kSecond}, {"m", 60 * kSecond}, {"h", 3600 * kSecond}, {"d", kDay}};
  const auto text = read_text(node, "a duration", reader);
  if (!text) return std::nullopt;
  const auto duration = parse_with_unit(*text, kUnits);
  if (duration && *duration > 0 && *duration <= 365 * kDay) return std::chrono::milliseconds(*duration);
  reader.report(node.place, Code::kBadValue,
                fmt::format("'{}' is not a duration from 1ms to 365d", escape_untrusted(*text, 64)),
                "write 250ms, 10s, 15m or 1h");
  return std::nullopt;
}

std::optional<WallClock::time_point> read_time(const YamlNode& node, Reader& reader) {
  const auto text = read_text(node, "a time", reader);
  if (!text) return std::nullopt;
  static constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
  bool formed = text->size() == kForm.size();
  for (std::size_t i = 0; formed && i < kForm.size(); ++i) {
    formed = kForm[i] == 'd' ? ascii::is_digit((*text)[i]) : (*text)[i] == kForm[i];
  }
  if (formed) {
    const auto number = [&](std::size_t at, std::size_t size) {
      int value = 0;
      for (const char c : text->substr(at, size)) value = value * 10 + (c - '0');
      return value;
    };
    namespace chrono = std::chrono;
    const chrono::year_month_day day{chrono::year(number(0, 4)), chrono::month(static_cast<unsigned>(number(5, 2))),
                                     chrono::day(static_cast<unsigned>(number(8, 2)))};
    const bool in_range = day.ok() && number(0, 4) >= 1970 && number(0, 4) < 2200 && number(11, 2) < 24 &&
                          number(14, 2) < 60 && number(17, 2) < 60;
    if (in_range) {
      return chrono::sys_days(day) + chrono::hours(number(11, 2)) + chrono::minutes(number(14, 2)) +
             chrono::seconds(number(17, 2));
    }
  }
  reader.report(node.place, Code::kBadValue, fmt::format("'{}' is not a time in UTC", escape_untrusted(*text, 64)),
                "write 2026-12-31T00:00:00Z");
  return std::nullopt;
}

std::optional<std::size_t> read_choice(const YamlNode& node, std::span<const std::string_view> words, Reader& reader) {
  const auto text = read_text(node, "the value", reader);
  if (!text) return std::nullopt;
  const auto found = std::ranges::find(words, *text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  reader.report(node.place, Code::kNotOneOf,
                fmt::format("'{}' is not one of: {}", escape_untrusted(*text, 64), fmt::join(words, ", ")),
                did_you_mean(*text, words));
  return std::nullopt;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, is_name_character) &&
         is_letter_or_digit(text.front()) && is_letter_or_digit(text.back());
}

std::optional<std::string> read_name(const YamlNode& node, std::string_view what, Reader& reader) {
  const auto text = read_text(node, what, reader);
  if (!text) return std::nullopt;
  if (is_name(*text)) return std::string(*text);
  reader.report(node.place, Code::kBadName,
                fmt::format("'{}' cannot be the name of {}", escape_untrusted(*text, 64), what),
                "use 1-63 of a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit");
  return std::nullopt;
}

}  // namespace enforcer::policy
