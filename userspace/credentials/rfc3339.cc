#include "credentials/rfc3339.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

namespace enforcer::credentials {
namespace {

namespace chrono = std::chrono;

/// Takes `digits` decimal digits in front of `text`; nothing when there are fewer.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

/// Takes numbers and the characters between them as `form` has them: 'd' for a digit, every run of them a number.
std::optional<std::vector<int>> take_form(std::string_view& text, std::string_view form) {
  std::vector<int> numbers;
  while (!form.empty()) {
    const auto digits = std::min(form.find_first_not_of('d'), form.size());
    if (digits > 0) {
      const auto number = take_number(text, digits);
      if (!number) return std::nullopt;
      numbers.push_back(*number);
      form.remove_prefix(digits);
    } else {
      const char upper =
          text.empty() || text[0] < 'a' ? (text.empty() ? '\0' : text[0]) : static_cast<char>(text[0] - 32);
      if (upper != form[0]) return std::nullopt;
      text.remove_prefix(1);
      form.remove_prefix(1);
    }
  }
  return numbers;
}

std::optional<chrono::minutes> take_offset(std::string_view& text) {
  if (text == "Z" || text == "z") return chrono::minutes(0);
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto parts = take_form(text, "dd:dd");
  if (!parts || !text.empty() || (*parts)[0] > 23 || (*parts)[1] > 59) return std::nullopt;
  return sign * (chrono::hours((*parts)[0]) + chrono::minutes((*parts)[1]));
}

}  // namespace

Result<WallClock::time_point> parse_rfc3339(std::string_view text) {
  const auto wrong = [] { return fail(Errc::kInvalid, "not a time of RFC 3339 (2026-12-31T00:00:00Z)"); };
  const auto parts = take_form(text, "dddd-dd-ddTdd:dd:dd");
  if (!parts) return wrong();
  const auto& at = *parts;
  const chrono::year_month_day day{chrono::year(at[0]), chrono::month(static_cast<unsigned>(at[1])),
                                   chrono::day(static_cast<unsigned>(at[2]))};
  if (!day.ok() || at[0] < 1970 || at[0] > 2199 || at[3] > 23 || at[4] > 59 || at[5] > 59) return wrong();
  if (text.starts_with('.')) {  // cut off: a value that ends a moment early does no harm
    text.remove_prefix(1);
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return wrong();
    text.remove_prefix(digits);
  }
  const auto offset = take_offset(text);
  if (!offset) return wrong();
  return chrono::sys_days(day) + chrono::hours(at[3]) + chrono::minutes(at[4]) + chrono::seconds(at[5]) - *offset;
}

}  // namespace enforcer::credentials
