#include "dns/resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dns/ares_channel.h"
#include "dns/response.h"

namespace enforcer::dns {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t kMinTtl = 5;    // a name with TTL 0 is not asked for each of a hundred parallel connections
constexpr std::uint32_t kMaxTtl = 300;  // and an origin that moves is found again soon

struct Lookup;

/// One of the two questions of a lookup; c-ares keeps a pointer to it until it was answered.
struct Question {
  Lookup* lookup;
  Type type;
  bool pending = true;
  Result<FoundAddresses> found = fail(Errc::kTimeout, "no answer in time");
};

/// Shared by the coroutine that waits and the questions that c-ares still holds, whichever ends last.
struct Lookup {
  Lookup(asio::io_context& io, HostName asked, Deadline deadline)
      : name(std::move(asked)), until(deadline.when()), settled(io) {}

  [[nodiscard]] bool pending() const { return questions[0].pending || questions[1].pending; }

  HostName name;
  Monotonic::time_point until;
  asio::steady_timer settled;  // expires then, is cancelled when an answer comes
  std::array<Question, 2> questions = {{{this, Type::kA}, {this, Type::kAaaa}}};
  std::shared_ptr<Lookup> held_by_questions;  // itself, until c-ares has called back for each of them
};

Error error_of(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
      return {Errc::kNotFound, "the name does not exist"};
    case ARES_ENODATA:
      return {Errc::kNotFound, "the name has no address"};
    case ARES_ETIMEOUT:
      return {Errc::kTimeout, "the DNS servers did not answer in time"};
    case ARES_EDESTRUCTION:
      return {Errc::kUnavailable, "the resolver was stopped"};
    default:
      return {Errc::kUnavailable, fmt::format("the DNS servers failed: {}", ares_strerror(status))};
  }
}

/// c-ares calls this once for each question, at the latest when the channel is destroyed.
void on_answer(void* argument, int status, int /*timeouts*/, unsigned char* data, int size) {
  auto& question = *static_cast<Question*>(argument);
  Lookup& lookup = *question.lookup;
  question.pending = false;
  if (status == ARES_SUCCESS) {
    question.found = read_addresses(Bytes(data, static_cast<std::size_t>(size)), lookup.name, question.type);
  } else {
    question.found = std::unexpected(error_of(status));
  }
  const auto last = lookup.pending() ? nullptr : std::move(lookup.held_by_questions);
  if (question.found && !question.found->addresses.empty()) {
    lookup.until = std::min(lookup.until, Monotonic::now() + Resolver::kResolutionDelay);
  }
  lookup.settled.cancel();
}

Result<Resolution> conclude(const Lookup& lookup) {
  Resolution resolution{};
  std::uint32_t ttl = kMaxTtl;
  const Error* failure = nullptr;
  for (const Question& question : lookup.questions) {
    if (question.pending) ttl = kMinTtl;  // half an answer: the other half is soon asked for again
    if (!question.found) {
      // "It does not exist" is only believed when nobody failed.
      if (failure == nullptr || failure->code == Errc::kNotFound) failure = &question.found.error();
    } else if (!question.found->addresses.empty()) {
      const auto& more = question.found->addresses;
      resolution.addresses.insert(resolution.addresses.end(), more.begin(), more.end());
      ttl = std::min(ttl, question.found->ttl);
    }
  }
  if (!resolution.addresses.empty()) {
    resolution.ttl = std::chrono::seconds(std::max(ttl, kMinTtl));
    return resolution;
  }
  if (failure != nullptr) return fail_in("resolve " + lookup.name.text(), *failure);
  return fail(Errc::kNotFound, fmt::format("resolve {}: the name has no address", lookup.name.text()));
}

}  // namespace

struct Resolver::Impl {
  asio::io_context& io;
  std::unique_ptr<AresChannel> channel;
};

Resolver::Resolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver>> Resolver::make(asio::io_context& io, std::span<const Endpoint> servers) {
  auto channel = TRY(AresChannel::make(io, servers));
  auto impl = std::make_unique<Impl>(io, std::move(channel));
  return std::unique_ptr<Resolver>(new Resolver(std::move(impl)));  // private constructor
}

void Resolver::stop() {
  impl_->channel.reset();
}

asio::awaitable<Result<Resolution>> Resolver::resolve(HostName name, Deadline deadline) {
  if (!impl_->channel) co_return fail(Errc::kUnavailable, "the resolver was stopped");
  const auto lookup = std::make_shared<Lookup>(impl_->io, std::move(name), deadline);
  lookup->held_by_questions = lookup;
  for (Question& question : lookup->questions) {
    impl_->channel->query(lookup->name.text(), question.type, on_answer, &question);
  }
  while (lookup->pending() && Monotonic::now() < lookup->until) {
    lookup->settled.expires_at(lookup->until);
    co_await lookup->settled.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  // From here on the resolver may be gone; the lookup is ours.
  co_return conclude(*lookup);
}

}  // namespace enforcer::dns
