// What a corporate proxy answers. Whatever it is: it is never read beyond its end, and in one piece it means what it
// means octet by octet.
#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "http/connect_answer.h"
#include "net/socks5.h"

using namespace enforcer;

namespace {

template <class Reader>
struct Judged {
  typename Reader::State state;
  std::size_t consumed;
};

template <class Reader>
std::optional<Judged<Reader>> read_in(Reader reader, Bytes answer, std::size_t step) {
  std::size_t consumed = 0;
  while (consumed < answer.size()) {
    const Bytes piece = answer.subspan(consumed, std::min(step, answer.size() - consumed));
    const auto progress = reader.feed(piece);
    ENFORCER_CHECK(progress.consumed <= piece.size());
    consumed += progress.consumed;
    if (progress.state != Reader::State::kMore) return Judged<Reader>{progress.state, consumed};
    ENFORCER_CHECK(progress.consumed == piece.size());
  }
  return std::nullopt;
}

/// `accepted`: the state after which the rest is the origin's.
template <class Reader>
void check_reader(const Reader& fresh, Bytes answer, typename Reader::State accepted) {
  const auto whole = read_in(fresh, answer, answer.size());
  const auto cut = read_in(fresh, answer, 1);
  ENFORCER_CHECK(whole.has_value() == cut.has_value());
  if (!whole) return;
  ENFORCER_CHECK(whole->state == cut->state);
  if (whole->state == accepted) ENFORCER_CHECK(whole->consumed == cut->consumed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes answer(data, size);
  using Connect = http::ConnectAnswerReader;
  check_reader(Connect(), answer, Connect::State::kAnswered);
  using Socks = net::socks5::ReplyReader;
  for (const auto kind : {Socks::Kind::kMethod, Socks::Kind::kPassword, Socks::Kind::kLogin, Socks::Kind::kConnect}) {
    check_reader(Socks(kind), answer, Socks::State::kGranted);
  }
  return 0;
}
