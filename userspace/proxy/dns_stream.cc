#include "proxy/dns_stream.h"

#include <boost/asio/co_spawn.hpp>

#include "dns/stream.h"
#include "net/socket.h"
#include "proxy/dns_service.h"
#include "proxy/guest_connection.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kQuiet{10};

/// Appends what the guest sends next; false: it ended, broke or was interrupted.
asio::awaitable<bool> read(net::AsyncSocket& guest, std::vector<std::uint8_t>& buffer) {
  const std::size_t before = buffer.size();
  buffer.resize(before + net::kHeadReadSize);
  const auto count = co_await guest.read_some(std::span(buffer).subspan(before));
  buffer.resize(before + count.value_or(0));
  co_return count.value_or(0) > 0;
}

}  // namespace

asio::awaitable<void> serve_dns_stream(std::unique_ptr<GuestConnection> connection) {
  GuestConnection& conversation = *connection;
  LiveSession& session = conversation.session();
  session.classified(metrics::Protocol::kDns);
  session.closed_as(metrics::ConnectionResult::kCompleted);
  DnsService& dns = conversation.worker().dns();
  const Slot slot = session.guest().identity().slot;
  std::vector<std::uint8_t> received;
  while (true) {
    while (const auto message = dns::next_message(received)) {
      session.said_what_it_wants();
      // The name tables have one writer, on the worker that also serves UDP.
      auto asked = dns.answer_from_anywhere(slot, {message->begin(), message->end()});
      const auto answer = co_await std::move(asked);
      if (!answer) co_return;  // not a query: RST
      const auto framed = dns::to_stream(*answer);
      if (!co_await conversation.guest().write_all(framed)) co_return;
      const auto used = static_cast<std::ptrdiff_t>(dns::kStreamPrefix + message->size());
      received.erase(received.begin(), received.begin() + used);
    }
    if (received.empty()) conversation.expect_within(kQuiet);  // not for each byte of a message
    if (!co_await read(conversation.guest(), received)) break;
  }
  net::finish_on_close(conversation.guest().fd());
}

}  // namespace enforcer::proxy
