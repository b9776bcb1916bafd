#include "http/connect_answer.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace enforcer::http {
namespace {

/// RFC 9112 4: "HTTP/1.x SP 3DIGIT SP [ reason-phrase ]"; the last blank is left out by some.
std::optional<unsigned> status_in(std::string_view line) {
  if (!line.starts_with("HTTP/1.0 ") && !line.starts_with("HTTP/1.1 ")) return std::nullopt;
  line.remove_prefix(9);
  if (line.size() < 3 || !std::ranges::all_of(line.substr(0, 3), ascii::is_digit)) return std::nullopt;
  if (line.size() > 3 && line[3] != ' ') return std::nullopt;
  unsigned status = 0;
  for (const char digit : line.substr(0, 3)) status = status * 10 + static_cast<unsigned>(digit - '0');
  if (status < 100 || status > 599) return std::nullopt;
  return status;
}

}  // namespace

ConnectAnswerReader::Progress ConnectAnswerReader::feed(Bytes arrived) {
  const std::size_t before = head_.size();
  const Bytes taken = arrived.first(std::min(arrived.size(), kMaxConnectHead - before));
  head_.insert(head_.end(), taken.begin(), taken.end());
  switch (scanner_.scan(head_)) {
    case HeadScanner::State::kMore:
      return {head_.size() == kMaxConnectHead ? State::kTooLarge : State::kMore, taken.size()};
    case HeadScanner::State::kTooLarge:
      return {State::kTooLarge, taken.size()};
    case HeadScanner::State::kMalformed:
      return {State::kMalformed, taken.size()};
    case HeadScanner::State::kComplete:
      break;
  }
  const std::string_view text = as_text(head_);
  const auto status = status_in(text.substr(0, text.find('\r')));
  status_ = status.value_or(0);
  return {status ? State::kAnswered : State::kMalformed, scanner_.size() - before};
}

}  // namespace enforcer::http
