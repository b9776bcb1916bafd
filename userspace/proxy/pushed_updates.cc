#include "proxy/pushed_updates.h"

#include <algorithm>
#include <utility>

#include "git/history.h"
#include "git/pack.h"
#include "proxy/guest.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

using Update = policy::GitCall::Update;

Update::Kind kind_of(const git::Command& command) {
  if (command.after.zero()) return Update::Kind::kDelete;
  return command.before.zero() ? Update::Kind::kCreate : Update::Kind::kUpdate;
}

}  // namespace

PushedUpdates::~PushedUpdates() {
  guest_.release_body(held_);
}

asio::awaitable<PushedUpdates::Came> PushedUpdates::read(policy::GitInterest interest) {
  const Came came = co_await read_commands();
  if (came != Came::kEnough || !push_) co_return came;
  updates_.emplace();
  for (const git::Command& command : push_->commands) updates_->push_back({command.ref, kind_of(command)});
  const bool some_update = std::ranges::find(*updates_, Kind::kUpdate, &Update::kind) != updates_->end();
  if (interest != policy::GitInterest::kForce || !some_update) co_return came;
  co_return co_await read_pack();
}

asio::awaitable<PushedUpdates::Came> PushedUpdates::read_commands() {
  git::PushReader reader;
  while (true) {
    const std::size_t before = body_.kept().size();
    const auto kept = co_await body_.keep_part();
    if (kept == PrefixedBody::Kept::kMalformed) co_return Came::kMalformed;
    if (kept == PrefixedBody::Kept::kBroken) co_return Came::kBroken;
    auto outcome = reader.feed(body_.kept().subspan(before));
    if (auto* push = std::get_if<git::Push>(&outcome)) push_ = std::move(*push);
    const bool more = std::holds_alternative<git::PushReader::NeedMore>(outcome);
    if (!more || kept != PrefixedBody::Kept::kMore) co_return Came::kEnough;
  }
}

/// False: the guest's bodies take as much memory as they may.
bool PushedUpdates::hold(std::size_t octets) {
  guest_.release_body(std::exchange(held_, 0));
  if (!guest_.hold_body(octets)) return false;
  held_ = octets;
  return true;
}

asio::awaitable<PushedUpdates::Came> PushedUpdates::read_pack() {
  git::History history;
  std::vector<Update*> asked;
  for (std::size_t i = 0; i < updates_->size(); ++i) {
    const git::Command& command = push_->commands[i];
    if ((*updates_)[i].kind != Kind::kUpdate) continue;
    if (!history.ask(command.before, command.after)) co_return Came::kEnough;
    asked.push_back(&(*updates_)[i]);
  }
  using Progress = git::PackReader::Progress;
  git::PackReader reader(push_->commands.front().after.size(), history);
  auto progress = reader.feed(body_.kept().subspan(push_->size));
  auto kept = PrefixedBody::Kept::kMore;
  while (progress == Progress::kNeedMore && kept == PrefixedBody::Kept::kMore && !history.all_shown()) {
    const std::size_t before = body_.kept().size();
    if (before - push_->size > kMaxPack || !hold(reader.held() + history.held())) break;
    kept = co_await body_.keep_part();
    if (kept == PrefixedBody::Kept::kMalformed) co_return Came::kMalformed;
    if (kept == PrefixedBody::Kept::kBroken) co_return Came::kBroken;
    progress = reader.feed(body_.kept().subspan(before));
  }
  // A pack that was read whole shows what it can; of a force push it is often empty, or not there at all.
  const bool read_whole = progress == Progress::kOver || kept == PrefixedBody::Kept::kWhole;
  const Kind otherwise = read_whole && progress != Progress::kCannotRead ? Kind::kForce : Kind::kUpdate;
  for (std::size_t i = 0; i < asked.size(); ++i) asked[i]->kind = history.shown(i) ? Kind::kFastForward : otherwise;
  co_return Came::kEnough;
}

}  // namespace enforcer::proxy
