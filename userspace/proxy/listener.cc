#include "proxy/listener.h"

#include <algorithm>

#include "base/log.h"
#include "net/socket.h"
#include "proxy/admission.h"
#include "proxy/worker.h"

namespace enforcer::proxy {
namespace {

constexpr std::size_t kAcceptsPerTurn = 64;  // then sessions that already run get their turn

}  // namespace

Listener::Listener(Worker& worker, Fd socket) : worker_(worker), socket_(std::move(socket)) {}

Result<std::unique_ptr<Listener>> Listener::make(Worker& worker, Fd socket) {
  // What is accepted inherits both: a small answer in two pieces must not wait for a delayed ACK in between, and a
  // connection is reset until its session ends well.
  net::send_at_once(socket.get());
  net::reset_on_close(socket.get());
  std::unique_ptr<Listener> listener(new Listener(worker, std::move(socket)));
  TRY_VOID(worker.poller().add(listener->socket_.get(), *listener));
  return listener;
}

Listener::~Listener() {
  worker_.poller().remove(socket_.get());
}

void Listener::ready(std::uint32_t) {
  if (!scheduled()) accept_waiting();  // else it waits for descriptors
}

void Listener::expired() {
  accept_waiting();
}

void Listener::accept_waiting() {
  // Who comes meanwhile is an edge of its own.
  const std::size_t waiting = net::accept_queue_length(socket_.get());
  for (std::size_t i = 0; i < std::min(waiting, kAcceptsPerTurn); ++i) {
    auto accepted = net::accept_one(socket_.get());
    if (!accepted) {
      // Out of descriptors or memory: the connection waits in the backlog, and trying at once again would only burn
      // CPU.
      log_warning("connections of guests have to wait: {}", accepted.error().message);
      worker_.wheel().schedule(*this, Deadline::after(std::chrono::seconds(1)));
      return;
    }
    if (!*accepted) return;
    admit(worker_, *std::move(*accepted));
  }
  if (waiting <= kAcceptsPerTurn) return;
  // More are waiting: asking again makes the poller report it again, after the others had their turn.
  if (const auto again = worker_.poller().again(socket_.get()); !again) {
    worker_.wheel().schedule(*this, Deadline::after(std::chrono::seconds(1)));
  }
}

}  // namespace enforcer::proxy
