// PushedUpdates: what a push does to which refs, from as much of its body as that takes: the commands in front of the
// pack, and where a rule asks about force, the pack up to where its commits show that every update is a fast-forward.
// Git puts commits first, so that a large push passes after a part of its pack.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <vector>

#include "git/push.h"
#include "policy/facts.h"
#include "policy/git_call.h"
#include "proxy/prefixed_body.h"

namespace enforcer::proxy {

class PushedUpdates {
 public:
  /// Of a pack, for its commits.
  static constexpr std::size_t kMaxPack = std::size_t{10} << 20;

  /// Both outlive it.
  PushedUpdates(PrefixedBody& body, Guest& guest) : body_(body), guest_(guest) {}
  ~PushedUpdates();
  PushedUpdates(const PushedUpdates&) = delete;
  PushedUpdates& operator=(const PushedUpdates&) = delete;

  enum class Came : std::uint8_t { kEnough, kMalformed, kBroken };
  /// Reads what `interest` asks for. kMalformed, kBroken: as the body's parts; nobody needs the updates any more.
  boost::asio::awaitable<Came> read(policy::GitInterest interest);

  /// After kEnough. None: it cannot be told.
  [[nodiscard]] std::optional<std::vector<policy::GitCall::Update>> take() { return std::move(updates_); }

 private:
  using Kind = policy::GitCall::Update::Kind;

  boost::asio::awaitable<Came> read_commands();
  boost::asio::awaitable<Came> read_pack();
  [[nodiscard]] bool hold(std::size_t octets);

  PrefixedBody& body_;
  Guest& guest_;
  std::optional<git::Push> push_;
  std::optional<std::vector<policy::GitCall::Update>> updates_;
  std::size_t held_ = 0;  ///< what the pack's readers keep, which counts against the guest
};

}  // namespace enforcer::proxy
