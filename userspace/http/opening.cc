#include "http/opening.h"

#include <algorithm>
#include <string_view>

#include "base/ascii.h"

namespace enforcer::http {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n";
constexpr std::size_t kMaxMethod = 32;

/// Can a request target begin like this? "/...", "*", "http(s)://..."
Opening judge_target(std::string_view method, std::string_view target) {
  if (target.empty()) return Opening::kUndecided;
  if (method == "CONNECT" || target[0] == '/' || target[0] == '*') return Opening::kRequest;
  constexpr std::string_view kScheme = "http";
  const std::string_view start = target.substr(0, kScheme.size());
  if (!std::ranges::equal(start, kScheme.substr(0, start.size()), {}, ascii::lower)) return Opening::kOther;
  return start.size() == kScheme.size() ? Opening::kRequest : Opening::kUndecided;
}

}  // namespace

Opening judge_opening(Bytes received) {
  const std::string_view text = as_text(received);
  if (text.empty()) return Opening::kUndecided;
  if (kHttp2Preface.starts_with(text.substr(0, kHttp2Preface.size()))) {
    return text.size() >= kHttp2Preface.size() ? Opening::kHttp2 : Opening::kUndecided;
  }
  // A blank in front is what request smuggling looks like: the head reader says what is wrong with it.
  if (std::string_view(" \t\r\n").contains(text[0])) return Opening::kRequest;
  const auto end = std::ranges::find_if_not(text, [](char c) { return ascii::is_letter(c) || c == '-'; });
  const auto size = static_cast<std::size_t>(end - text.begin());
  if (size == 0 || size > kMaxMethod || !ascii::is_letter(text[0])) return Opening::kOther;
  if (size == text.size()) return Opening::kUndecided;
  if (*end != ' ') return Opening::kOther;
  return judge_target(text.substr(0, size), text.substr(size + 1));
}

}  // namespace enforcer::http
