// The readers of a push: whatever the octets and however they are cut, the outcome is the same and bounded.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "git/history.h"
#include "git/pack.h"
#include "git/push.h"
#include "git/ref_name.h"

using namespace enforcer;
using namespace enforcer::git;

namespace {

PushReader::Outcome read_commands(Bytes body, std::size_t piece) {
  PushReader reader;
  PushReader::Outcome outcome = PushReader::NeedMore{};
  while (!body.empty() && std::holds_alternative<PushReader::NeedMore>(outcome)) {
    const Bytes arrived = body.first(std::min(piece, body.size()));
    body = body.subspan(arrived.size());
    outcome = reader.feed(arrived);
  }
  return outcome;
}

struct Shown {
  PackReader::Progress progress = PackReader::Progress::kNeedMore;
  std::vector<bool> fast_forwards;
  friend bool operator==(const Shown&, const Shown&) = default;
};

Shown read_pack(const Push& push, Bytes pack, std::size_t piece) {
  History history;
  std::size_t asked = 0;
  for (const Command& command : push.commands) {
    if (!history.ask(command.before, command.after)) break;
    ++asked;
  }
  PackReader reader(push.commands.empty() ? ObjectId::kSha1 : push.commands.front().after.size(), history);
  Shown shown;
  while (!pack.empty()) {
    const Bytes arrived = pack.first(std::min(piece, pack.size()));
    pack = pack.subspan(arrived.size());
    shown.progress = reader.feed(arrived);
    ENFORCER_CHECK(reader.held() <= std::size_t{32} << 20 && history.held() <= std::size_t{32} << 20);
  }
  for (std::size_t i = 0; i < asked; ++i) shown.fast_forwards.push_back(history.shown(i));
  return shown;
}

bool same(const Push& a, const Push& b) {
  const auto equal = [](const Command& one, const Command& other) {
    return one.before == other.before && one.after == other.after && one.ref == other.ref;
  };
  return a.size == b.size && std::ranges::equal(a.commands, b.commands, equal);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes body(data, size);
  const auto whole = read_commands(body, size);
  const auto cut = read_commands(body, 3);
  ENFORCER_CHECK(whole.index() == cut.index());
  const auto* push = std::get_if<Push>(&whole);
  if (push == nullptr) {
    (void)read_pack({}, body, size);
    return 0;
  }
  ENFORCER_CHECK(same(*push, std::get<Push>(cut)));
  ENFORCER_CHECK(push->size <= size && push->size <= PushReader::kMaxSize);
  for (const Command& command : push->commands) {
    ENFORCER_CHECK(is_ref_name(command.ref) && command.before.size() == command.after.size());
  }
  const Bytes pack = body.subspan(push->size);
  ENFORCER_CHECK(read_pack(*push, pack, pack.size()) == read_pack(*push, pack, 5));
  return 0;
}
