#include "enforcerd/host_link.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "proxy/worker.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kRetry{1};
/// Booting a guest may take two attempts of a minute each.
constexpr std::chrono::seconds kReplyDeadline{150};

/// hostd names the guests and hands over the sockets they are met by: nobody else is believed. The folder of its socket
/// is one that our own group may write.
Result<> require_root(const Fd& socket, const std::string& path) {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return fail_errno(path);
  if (who.uid == 0) return {};
  return fail(Errc::kDenied, fmt::format("{}: uid {} listens there, and only root is believed", path, who.uid));
}

Result<Fd> connect_to(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path) return fail(Errc::kInvalid, path + ": too long for a socket's path");
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno("socket");
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return fail_errno(path);
  TRY_VOID(require_root(socket, path));
  return socket;
}

}  // namespace

HostLink::HostLink(proxy::Worker& home, std::string socket_path, HostEvents& events)
    : home_(home), path_(std::move(socket_path)), events_(events), retry_(home.io()) {}

HostLink::~HostLink() {
  if (socket_.valid()) home_.poller().remove(socket_.get());
}

void HostLink::start() {
  try_connect();
}

void HostLink::try_connect() {
  auto connected = connect_to(path_);
  if (!connected) {
    // Once a second, and said once.
    if (connected.error().message != complaint_)
      log_warning("waiting for enforcer-hostd: {}", connected.error().message);
    complaint_ = connected.error().message;
    return retry_later();
  }
  socket_ = *std::move(connected);
  if (const auto watched = home_.poller().add(socket_.get(), *this); !watched) return lost(watched.error().message);
  if (const auto sent = send(hostproto::Hello{}); !sent) lost(sent.error().message);
}

void HostLink::retry_later() {
  retry_.expires_after(kRetry);
  retry_.async_wait([this](boost::system::error_code error) {
    if (!error) try_connect();
  });
}

void HostLink::lost(std::string_view why) {
  if (!socket_.valid()) return;
  log_warning("no connection to enforcer-hostd ({}): guests run on, none can be created or changed", why);
  home_.poller().remove(socket_.get());
  socket_.reset();
  events_.disconnected();
  for (auto& [number, waiting] : waiting_) waiting->timer.cancel();
  waiting_.clear();
  retry_later();
}

void HostLink::ready(std::uint32_t) {
  while (socket_.valid()) {
    auto packet = hostproto::receive_packet(socket_.get());
    if (!packet) return lost(packet.error().message);
    if (!*packet) return;
    take(*std::move(*packet));
  }
}

void HostLink::take(hostproto::Packet packet) {
  auto notice = hostproto::decode_notice(packet.text);
  if (!notice) return lost("it sent something we do not know: " + notice.error().message);
  if (auto* welcome = std::get_if<hostproto::Welcome>(&*notice)) {
    if (!events_.welcomed(*welcome, std::move(packet.descriptors))) return lost("its sockets could not be served");
    complaint_.clear();
    if (const auto sent = send(hostproto::Ready{}); !sent) return lost(sent.error().message);
    log_info("connected to enforcer-hostd: {} listeners, attached by {}", welcome->workers, welcome->attach_mode);
  } else if (std::holds_alternative<hostproto::Pipes>(*notice)) {
    events_.pipes(std::move(packet.descriptors));
  } else if (auto* guest = std::get_if<hostproto::Guest>(&*notice)) {
    events_.guest(*guest, std::move(packet.descriptors));
  } else if (std::holds_alternative<hostproto::Announced>(*notice)) {
    events_.announced();
  } else if (auto* gone = std::get_if<hostproto::GuestGone>(&*notice)) {
    events_.guest_gone(*gone);
  } else if (auto* event = std::get_if<hostproto::Event>(&*notice)) {
    events_.event(*event);
  } else {
    take_reply(std::get<hostproto::Reply>(*std::move(notice)));
  }
}

void HostLink::take_reply(hostproto::Reply reply) {
  const auto found = waiting_.find(reply.request);
  if (found == waiting_.end()) return;  // whoever asked has given up
  found->second->reply = std::move(reply);
  found->second->timer.cancel();
  waiting_.erase(found);
}

Result<> HostLink::send(const hostproto::Request& request, const std::vector<int>& descriptors) {
  if (!socket_.valid()) return fail(Errc::kUnavailable, "enforcer-hostd is not running");
  return hostproto::send_packet(socket_.get(), hostproto::encode(request), descriptors);
}

asio::awaitable<Result<std::string>> HostLink::ask(std::uint64_t number, hostproto::Request request,
                                                   std::vector<int> descriptors) {
  if (auto sent = send(request, descriptors); !sent) {
    co_return fail(Errc::kUnavailable, "enforcer-hostd cannot be asked: " + sent.error().message);
  }
  auto waiting = std::make_shared<Waiting>(home_.io());
  waiting_[number] = waiting;
  waiting->timer.expires_after(kReplyDeadline);
  boost::system::error_code woken;
  co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  if (!woken) {
    waiting_.erase(number);
    co_return fail(Errc::kTimeout, "enforcer-hostd did not answer in time");
  }
  if (!waiting->reply) co_return fail(Errc::kUnavailable, "enforcer-hostd went away before it answered");
  if (waiting->reply->error) co_return std::unexpected(*waiting->reply->error);
  co_return waiting->reply->warning;
}

asio::awaitable<Result<std::string>> HostLink::request(hostproto::CreateGuest create, int asked_by) {
  create.request = next_request_++;
  const std::uint64_t number = create.request;
  hostproto::Request message(std::move(create));
  std::vector<int> descriptors(hostproto::descriptors_beside(message), asked_by);
  co_return co_await ask(number, std::move(message), std::move(descriptors));
}

asio::awaitable<Result<std::string>> HostLink::request(hostproto::AttachGuest attach) {
  attach.request = next_request_++;
  const std::uint64_t number = attach.request;
  hostproto::Request message(std::move(attach));
  co_return co_await ask(number, std::move(message));
}

asio::awaitable<Result<std::string>> HostLink::request(hostproto::DeleteGuest remove) {
  remove.request = next_request_++;
  const std::uint64_t number = remove.request;
  hostproto::Request message(std::move(remove));
  co_return co_await ask(number, std::move(message));
}

asio::awaitable<Result<std::string>> HostLink::request(hostproto::LabelGuest label) {
  label.request = next_request_++;
  const std::uint64_t number = label.request;
  hostproto::Request message(std::move(label));
  co_return co_await ask(number, std::move(message));
}

asio::awaitable<Result<std::string>> HostLink::request(hostproto::FreezeGuest freeze) {
  freeze.request = next_request_++;
  const std::uint64_t number = freeze.request;
  hostproto::Request message(freeze);
  co_return co_await ask(number, std::move(message));
}

asio::awaitable<Result<std::string>> HostLink::request(hostproto::ThawGuest thaw) {
  thaw.request = next_request_++;
  const std::uint64_t number = thaw.request;
  hostproto::Request message(thaw);
  co_return co_await ask(number, std::move(message));
}

void HostLink::booted(Slot slot) {
  if (const auto sent = send(hostproto::Booted{slot}); !sent) log_warning("{}", sent.error().message);
}

}  // namespace enforcer::enforcerd
