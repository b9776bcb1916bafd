#include "net/poller.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace enforcer::net {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t kReading = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kReadingAndRoom = kReading | EPOLLOUT;
constexpr int kBatch = 128;
constexpr int kBatchesPerTurn = 4;  // then timers and posted work get their turn

}  // namespace

struct Poller::Impl {
  Impl(asio::io_context& context, int epoll) : io(context), epoll_fd(epoll), descriptor(context, epoll) {}

  void wait() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
      if (!error) dispatch();
    });
  }

  void dispatch() {
    for (int turn = 0; turn < kBatchesPerTurn; ++turn) {
      const int count = epoll_wait(epoll_fd, batch.data(), kBatch, 0);
      if (count <= 0) return wait();  // Asio re-arms the descriptor, so an event that comes in between is seen
      batch_size = static_cast<std::size_t>(count);
      event_count += batch_size;
      for (next = 0; next < batch_size;) {
        const epoll_event event = batch[next++];
        if (event.data.fd >= 0) targets[static_cast<std::size_t>(event.data.fd)]->ready(event.events);
      }
      batch_size = 0;
    }
    asio::post(io, [this] { dispatch(); });
  }

  /// All edges that are there are reported, those that were reported before, too.
  Result<> modify(int socket, std::uint32_t edges) const {
    epoll_event event{.events = edges, .data = {.fd = socket}};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, socket, &event) != 0) return fail_errno("epoll_ctl mod");
    return {};
  }

  asio::io_context& io;
  int epoll_fd;
  asio::posix::stream_descriptor descriptor;
  std::array<epoll_event, kBatch> batch{};
  std::size_t batch_size = 0;        // > 0 while dispatching
  std::size_t next = 0;              // of the batch
  std::size_t event_count = 0;       // since take_event_count()
  std::vector<PollTarget*> targets;  // by descriptor
};

Poller::Poller(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Poller::~Poller() = default;

Result<std::unique_ptr<Poller>> Poller::make(asio::io_context& io) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return fail_errno("epoll_create1");
  auto impl = std::make_unique<Impl>(io, epoll_fd);
  impl->wait();
  return std::unique_ptr<Poller>(new Poller(std::move(impl)));
}

Result<> Poller::add(int socket, PollTarget& target, Edges edges) {
  const auto place = static_cast<std::size_t>(socket);
  if (place >= impl_->targets.size()) impl_->targets.resize(std::max(place + 1, 2 * impl_->targets.size()));
  impl_->targets[place] = &target;
  epoll_event event{.events = edges == Edges::kReadingAndRoom ? kReadingAndRoom : kReading, .data = {.fd = socket}};
  if (epoll_ctl(impl_->epoll_fd, EPOLL_CTL_ADD, socket, &event) != 0) return fail_errno("epoll_ctl add");
  return {};
}

void Poller::transfer(int socket, PollTarget& target) {
  impl_->targets[static_cast<std::size_t>(socket)] = &target;
}

Result<> Poller::watch_room(int socket) {
  return impl_->modify(socket, kReadingAndRoom);
}

Result<> Poller::again(int socket) {
  return impl_->modify(socket, kReading);
}

void Poller::remove(int socket) {
  forget(socket);
  epoll_ctl(impl_->epoll_fd, EPOLL_CTL_DEL, socket, nullptr);
}

void Poller::forget(int socket) {
  for (std::size_t i = impl_->next; i < impl_->batch_size; ++i) {
    if (impl_->batch[i].data.fd == socket) impl_->batch[i].data.fd = -1;
  }
}

std::size_t Poller::take_event_count() {
  return std::exchange(impl_->event_count, 0);
}

}  // namespace enforcer::net
