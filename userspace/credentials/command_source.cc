#include "credentials/command_source.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/log.h"
#include "credentials/helper_packet.h"

namespace enforcer::credentials {
namespace {

namespace asio = boost::asio;
using std::chrono::seconds;

/// How long a value without an expiry is used.
constexpr std::chrono::minutes kWithoutExpiry{5};
/// A request with a value that ends while it travels would be refused: at most this much of its life is given up.
constexpr seconds kMargin{10};
/// More than a command's deadline and its turn in the helper's queue can take before nobody waits any more.
constexpr seconds kPatience{30};
constexpr seconds kAfterFailure{5};

bool is_usable(const std::optional<Value>& value, Monotonic::time_point until) {
  // The wall clock may have been set since; whichever clock says that the value has ended is believed.
  return value && Monotonic::now() < until && (!value->expires || WallClock::now() < *value->expires);
}

Result<Value> value_in(const HelperReply& reply) {
  switch (reply.outcome) {
    case HelperReply::Outcome::kNoSuchCredential:
      return fail(Errc::kUnavailable,
                  "its command is not known to the credential helper, which reads the credential files itself: is its "
                  "file among them?");
    case HelperReply::Outcome::kFailed:
      return fail(Errc::kUnavailable, std::string(reply.text));
    case HelperReply::Outcome::kValue:
    case HelperReply::Outcome::kExpiringValue:
      break;
  }
  auto value = value_of(reply.text);
  if (value && reply.outcome == HelperReply::Outcome::kExpiringValue) value->expires = reply.expires;
  return value;
}

}  // namespace

CommandSource::CommandSource(asio::io_context& io, Helper helper)
    : io_(io), helper_(std::move(helper)), socket_(io, helper_.socket()), random_(std::random_device{}()) {
  listen();
}

CommandSource::~CommandSource() {
  socket_.release();  // the Helper closes it
}

CommandSource::Entry& CommandSource::entry_of(const policy::CredentialSpec& spec) {
  Entry& entry = entries_[spec.name];
  if (entry.argv != spec.source.argv) entry = Entry{.argv = spec.source.argv};
  return entry;
}

asio::awaitable<Result<Value>> CommandSource::read(const policy::CredentialSpec& spec, Deadline deadline) {
  Entry& entry = entry_of(spec);
  const auto now = Monotonic::now();
  if (is_usable(entry.value, entry.usable_until)) {
    const Value value = *entry.value;
    if (now >= entry.refresh_at && now >= entry.retry_at && !entry.flight) begin(spec.name, entry);
    co_return value;
  }
  if (!entry.flight) {
    if (entry.failure && now < entry.retry_at) co_return std::unexpected(*entry.failure);
    begin(spec.name, entry);
  }
  const auto flight = entry.flight;
  if (!flight) co_return std::unexpected(*entry.failure);  // it could not even begin
  const auto timer = std::make_shared<asio::steady_timer>(io_);
  flight->waiting.push_back(timer);
  timer->expires_at(deadline.when());
  while (!flight->outcome && !deadline.passed()) co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  if (flight->outcome) co_return *flight->outcome;
  co_return fail(Errc::kTimeout, "its command has not answered yet");
}

std::optional<Result<Value>> CommandSource::look(const policy::CredentialSpec& spec) {
  const Entry& entry = entry_of(spec);
  if (is_usable(entry.value, entry.usable_until)) return *entry.value;
  if (entry.failure) return std::unexpected(*entry.failure);
  return std::nullopt;
}

void CommandSource::forget(std::string_view name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  found->second.value.reset();
  found->second.failure.reset();
  found->second.flight.reset();  // its value may be from before; those who wait for it get it
}

void CommandSource::begin(const std::string& name, Entry& entry) {
  const std::uint64_t number = next_number_++;
  const auto flight = std::make_shared<Flight>(io_);
  flight->name = name;
  flights_[number] = flight;
  entry.flight = flight;
  const std::string packet = encode_request({number, name});
  if (gone_ || send(helper_.socket(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    const bool busy = !gone_ && errno == EAGAIN;
    return complete(number, fail(Errc::kUnavailable, busy ? "the credential helper is busy"
                                                          : "the credential helper has ended: restart enforcerd"));
  }
  flight->timeout.expires_after(kPatience);
  flight->timeout.async_wait([this, number](boost::system::error_code error) {
    if (!error) complete(number, fail(Errc::kTimeout, "the credential helper does not answer"));
  });
}

void CommandSource::listen() {
  socket_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    take_replies();
    if (!gone_) listen();
  });
}

void CommandSource::take_replies() {
  while (true) {
    const std::span<char> room = helper_.room();
    const ssize_t size = recv(helper_.socket(), room.data(), room.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return lost();
    const auto used = room.first(static_cast<std::size_t>(size));
    if (const auto reply = decode_reply({used.data(), used.size()})) {
      complete(reply->number, value_in(*reply));
    } else {
      log_error("credential helper: {}", reply.error().message);
    }
    wipe(used);
  }
}

void CommandSource::lost() {
  log_error("the credential helper has ended: credentials with a command are unavailable until enforcerd is restarted");
  gone_ = true;
  while (!flights_.empty()) {
    complete(flights_.begin()->first, fail(Errc::kUnavailable, "the credential helper has ended: restart enforcerd"));
  }
}

void CommandSource::complete(std::uint64_t number, Result<Value> outcome) {
  const auto found = flights_.find(number);
  if (found == flights_.end()) return;  // too late
  const auto flight = found->second;
  flights_.erase(found);
  flight->timeout.cancel();
  const auto entry = entries_.find(flight->name);
  if (entry != entries_.end() && entry->second.flight == flight) keep(entry->second, outcome);
  if (!outcome) log_warning("credential {}: {}", flight->name, outcome.error().message);
  flight->outcome = std::move(outcome);
  for (const auto& timer : flight->waiting) timer->cancel();
}

void CommandSource::keep(Entry& entry, const Result<Value>& outcome) {
  entry.flight.reset();
  const auto now = Monotonic::now();
  if (!outcome) {
    entry.failure = outcome.error();
    entry.retry_at = now + kAfterFailure;
    return;
  }
  entry.failure.reset();
  entry.value = *outcome;
  Monotonic::duration life = kWithoutExpiry;
  if (outcome->expires) {
    // A life of centuries would overflow what is computed from it; a day is as good.
    life = std::clamp<WallClock::duration>(*outcome->expires - WallClock::now(), seconds(0), std::chrono::hours(24));
  }
  entry.usable_until = now + life - std::min<Monotonic::duration>(life / 20, kMargin);
  // 75-85 %: hosts that got their values together do not come back together.
  entry.refresh_at = now + life / 100 * std::uniform_int_distribution(75, 85)(random_);
}

}  // namespace enforcer::credentials
