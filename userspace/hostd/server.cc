#include "hostd/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "base/deadline.h"
#include "base/log.h"

namespace enforcer::hostd {
namespace {

constexpr std::chrono::milliseconds kWatchInterval{500};  // what somebody changed is on record within a second
constexpr unsigned kPipes = 64;                           // 1 MiB each, so 64 MiB at most while bytes flow
constexpr std::size_t kPipesPerPacket = 100;      // two descriptors each; the kernel takes 253 beside one packet
constexpr int kSendBuffer = 8 * 1024 * 1024;      // the announcement of 4,096 guests waits in here until it is read
constexpr std::chrono::seconds kGreetingTime{5};  // an enforcerd says hello as soon as it is connected
constexpr std::chrono::seconds kThawTime{2};      // QEMU takes a millisecond
constexpr int kRequestsPerTurn = 64;              // then the watchdog and the other descriptors have their turn

Result<Fd> listen_at(const std::string& path, gid_t group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(Errc::kInvalid, fmt::format("{} is too long for a socket: choose a shorter instance", path));
  }
  path.copy(address.sun_path, path.size());
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno("cannot open a unix socket");
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(path);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chown(path.c_str(), 0, group) != 0 || chmod(path.c_str(), 0660) != 0 || listen(socket.get(), 8) != 0) {
    return fail_errno(fmt::format("cannot listen at {}", path));
  }
  return socket;
}

std::vector<int> numbers_of(std::span<const Fd> descriptors) {
  std::vector<int> numbers;
  for (const Fd& descriptor : descriptors) numbers.push_back(descriptor.get());
  return numbers;
}

}  // namespace

Result<Server> Server::open(const config::Paths& paths, const Owner& enforcerd, std::optional<gid_t> admins,
                            host::Network& network, const config::Config& config, const host::AddressPlan& plan) {
  return Server(TRY(listen_at(paths.hostd_socket(), enforcerd.gid)), enforcerd,
                {.path = paths.control_socket(), .enforcerd_uid = enforcerd.uid, .admins = admins}, network, config,
                plan);
}

Result<> Server::run(Guests& guests, int stop, const ServiceNotify& manager) {
  manager.ready();
  Deadline next_watch = Deadline::after(kWatchInterval);
  for (;;) {
    const auto machines = guests.machines();
    std::vector<pollfd> waiting{
        {stop, POLLIN, 0}, {listener_.get(), POLLIN, 0}, {peer_ ? peer_->socket.get() : -1, POLLIN, 0}};
    for (const auto& [pidfd, slot] : machines) waiting.push_back({pidfd, POLLIN, 0});
    const auto monitors = guests.monitors();
    for (const auto& [monitor, slot] : monitors) waiting.push_back({monitor, POLLIN, 0});
    waiting.push_back({guests.image_check(), POLLIN, 0});

    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_watch.remaining());
    const int wait = guests.creations_due() ? 0 : static_cast<int>(left.count());
    if (poll(waiting.data(), waiting.size(), wait) < 0 && errno != EINTR) {
      return fail_errno("poll");
    }
    if (waiting[0].revents != 0) {
      manager.stopping();
      thaw_before_the_end(guests);
      return {};
    }
    const Deadline turn = Deadline::after(kTurn);
    for (std::size_t i = 0; i < machines.size() && !turn.passed(); ++i) {  // the others are readable in the next turn
      if (waiting[3 + i].revents != 0) guests.machine_ended(machines[i].second);
    }
    for (std::size_t i = 0; i < monitors.size(); ++i) {
      if (waiting[3 + machines.size() + i].revents != 0) guests.monitor_ready(monitors[i].second);
    }
    if (waiting[2].revents != 0) read_requests(guests);
    guests.create_waiting();  // in every turn: any step that opens an image may have taken the check they wait for
    if (waiting[1].revents != 0) accept_peer(guests);
    if (next_watch.passed()) {
      guests.watch();
      check_steering(guests);
      manager.alive();
      next_watch = Deadline::after(kWatchInterval);
    }
    if (peer_ && peer_->phase == Phase::kConnected && peer_->greets_by.passed()) {
      disconnect(guests, "it did not say hello in time");
    }
    if (peer_ && peer_->broken) disconnect(guests, "it does not read what it is sent");
  }
}

/// A guest must not stand still for as long as no hostd runs.
void Server::thaw_before_the_end(Guests& guests) {
  guests.thaw_all();
  const Deadline deadline = Deadline::after(kThawTime);
  for (auto monitors = guests.monitors(); !monitors.empty() && !deadline.passed(); monitors = guests.monitors()) {
    std::vector<pollfd> waiting;
    for (const auto& [monitor, slot] : monitors) waiting.push_back({monitor, POLLIN, 0});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
    if (poll(waiting.data(), waiting.size(), static_cast<int>(left.count())) <= 0) continue;
    for (std::size_t i = 0; i < monitors.size(); ++i) {
      if (waiting[i].revents != 0) guests.monitor_ready(monitors[i].second);
    }
  }
}

void Server::post(const hostproto::Notice& notice, const std::vector<Fd>& descriptors) {
  if (peer_ && !peer_->broken && peer_->phase != Phase::kConnected) {
    const auto sent = hostproto::send_packet(peer_->socket.get(), hostproto::encode(notice), numbers_of(descriptors));
    if (sent) return;
    // Not disconnected here: whoever posts is in the middle of a step that still talks about this peer.
    peer_->broken = true;
  }
  if (const auto* event = std::get_if<hostproto::Event>(&notice)) kept_events_.keep(*event, Monotonic::now());
}

void Server::refuse(const Fd& socket, const Error& why) {
  log_warning("refused a connection: {}", why.message);
  const hostproto::Notice reply = hostproto::Reply{.request = 0, .error = why, .warning = {}};
  const auto ignored = hostproto::send_packet(socket.get(), hostproto::encode(reply), {});
  static_cast<void>(ignored);  // it is being closed anyway
}

void Server::accept_peer(Guests& guests) {
  Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket.valid()) return;
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || who.uid != enforcerd_.uid) {
    return refuse(socket,
                  Error{Errc::kDenied, fmt::format("only uid {} may connect, not {}", enforcerd_.uid, who.uid)});
  }
  if (peer_) {
    // The one before may have ended without the loop having seen it yet.
    read_requests(guests);
    if (peer_) return refuse(socket, Error{Errc::kConflict, "another enforcerd is connected already"});
  }
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer);
  peer_ = Peer{.socket = std::move(socket),
               .phase = Phase::kConnected,
               .greets_by = Deadline::after(kGreetingTime),
               .listeners = {},
               .broken = false};
}

void Server::disconnect(Guests& guests, std::string_view why) {
  log_warning("enforcerd is gone ({}): guests get nothing until it is back", why);
  peer_.reset();
  guests.forget_requests();
  if (const auto stopped = network_.datapath.stop_steering(); !stopped) log_error("{}", stopped.error().message);
}

void Server::read_requests(Guests& guests) {
  const Deadline turn = Deadline::after(kTurn);
  for (int i = 0; i < kRequestsPerTurn && !turn.passed(); ++i) {
    const auto packet = hostproto::receive_packet(peer_->socket.get());
    if (!packet) return disconnect(guests, packet.error().message);
    if (!packet->has_value()) return;
    auto request = hostproto::decode_request((*packet)->text);
    if (request && (*packet)->descriptors.size() != hostproto::descriptors_beside(*request)) {
      request = fail(Errc::kInvalid, "too many or too few descriptors beside a request");
    }
    if (!request) return disconnect(guests, request.error().message);
    if (const auto served = serve(guests, *request, (*packet)->descriptors); !served) {
      refuse(peer_->socket, served.error());
      return disconnect(guests, served.error().message);
    }
  }
}

void Server::check_steering(Guests& guests) {
  if (!peer_ || peer_->phase != Phase::kServing || network_.datapath.steers(config_.workers)) return;
  read_requests(guests);  // the sockets leave the maps by themselves when enforcerd ends
  if (!peer_) return;
  constexpr const char* kWhat = "the maps of enforcerd's sockets were emptied: it is asked to connect again";
  post(hostproto::Event{.name = "enforcement_lost", .slot = Slot{0}, .detail = kWhat}, {});
  disconnect(guests, kWhat);
}

/// Whose folders a guest shares is not enforcerd's to say.
void Server::create(Guests& guests, const hostproto::CreateGuest& request, const std::vector<Fd>& descriptors) {
  if (!request.workspaces.empty()) {
    const auto asked = require_caller(descriptors.front().get(), {request.owner, request.owner_group}, control_);
    if (!asked) {
      log_warning("refused guest {}: {}", request.name.text(), asked.error().message);
      return post(hostproto::Reply{.request = request.request, .error = asked.error(), .warning = {}}, {});
    }
  }
  guests.create(request);
}

Result<> Server::serve(Guests& guests, const hostproto::Request& request, const std::vector<Fd>& descriptors) {
  const bool greeting = std::holds_alternative<hostproto::Hello>(request);
  if (greeting != (peer_->phase == Phase::kConnected)) {
    return fail(Errc::kInvalid, "the first message must be the hello, and only that one");
  }
  struct Visitor {
    Server& server;
    Guests& guests;
    const std::vector<Fd>& descriptors;
    Result<> operator()(const hostproto::Hello& hello) const { return server.welcome(guests, hello); }
    Result<> operator()(const hostproto::Ready&) const { return server.start_steering(); }
    Result<> operator()(const hostproto::Booted& booted) const { return guests.booted(booted.slot), Result<>{}; }
    Result<> operator()(const hostproto::CreateGuest& create) const {
      return server.create(guests, create, descriptors), Result<>{};
    }
    Result<> operator()(const hostproto::AttachGuest& attach) const { return guests.attach(attach), Result<>{}; }
    Result<> operator()(const hostproto::DeleteGuest& remove) const { return guests.remove(remove), Result<>{}; }
    Result<> operator()(const hostproto::LabelGuest& label) const { return guests.label(label), Result<>{}; }
    Result<> operator()(const hostproto::FreezeGuest& freeze) const { return guests.freeze(freeze), Result<>{}; }
    Result<> operator()(const hostproto::ThawGuest& thaw) const { return guests.thaw(thaw), Result<>{}; }
  };
  return std::visit(Visitor{*this, guests, descriptors}, request);
}

Result<> Server::welcome(Guests& guests, const hostproto::Hello& hello) {
  if (hello.version != hostproto::kVersion) {
    return fail(Errc::kConflict, fmt::format("enforcerd speaks version {} of the protocol, enforcer-hostd version {}: "
                                             "install both from one release",
                                             hello.version, hostproto::kVersion));
  }
  host::Listeners listeners = TRY(host::open_listeners(network_.gateway, config_.workers));
  const Fd counters = TRY(network_.datapath.read_only_counters());
  std::vector<int> descriptors = numbers_of(listeners.tcp);
  descriptors.push_back(listeners.dns.get());
  descriptors.push_back(counters.get());
  const hostproto::Notice message = hostproto::Welcome{.version = hostproto::kVersion,
                                                       .workers = config_.workers,
                                                       .attach_mode = std::string(host::to_string(network_.mode)),
                                                       .accelerator = guests.accelerator(),
                                                       .gateway_ipv4 = plan_.gateway_ipv4(),
                                                       .gateway_ipv6 = plan_.gateway_ipv6()};
  TRY_VOID(hostproto::send_packet(peer_->socket.get(), hostproto::encode(message), descriptors));
  peer_->listeners = std::move(listeners);
  peer_->phase = Phase::kWelcomed;

  const std::vector<Fd> pipes = host::make_pipes(kPipes);
  for (std::size_t at = 0; at < pipes.size(); at += 2 * kPipesPerPacket) {
    const auto part = std::span(pipes).subspan(at, std::min(2 * kPipesPerPacket, pipes.size() - at));
    const hostproto::Notice notice = hostproto::Pipes{.count = static_cast<std::uint32_t>(part.size() / 2)};
    TRY_VOID(hostproto::send_packet(peer_->socket.get(), hostproto::encode(notice), numbers_of(part)));
  }
  guests.announce_all();
  post(hostproto::Announced{}, {});
  for (hostproto::Event& event : kept_events_.take(Monotonic::now())) post(std::move(event), {});
  return {};
}

Result<> Server::start_steering() {
  if (!peer_->listeners) return fail(Errc::kInvalid, "ready was said already");
  TRY_VOID(network_.datapath.start_steering(*peer_->listeners));
  peer_->listeners.reset();
  peer_->phase = Phase::kServing;
  log_info("enforcerd is ready: traffic flows");
  return {};
}

}  // namespace enforcer::hostd
