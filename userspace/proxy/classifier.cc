#include "proxy/classifier.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>
#include <variant>

#include "http/opening.h"
#include "net/byte_stream.h"
#include "net/timer_wheel.h"
#include "proxy/guest_connection.h"
#include "proxy/worker.h"
#include "tls/alert.h"

namespace enforcer::proxy {
namespace {

/// Invariant 4: the server name must be the name that the dialled address was issued for. The reason why not, or
/// nothing.
std::optional<policy::Reason> mismatch(const tls::ClientHello& hello, const policy::Facts& facts) {
  if (!hello.server_name) return policy::Reason::kTlsNoSni;
  const auto name = HostName::parse(*hello.server_name);
  if (!name) return policy::Reason::kNameInvalid;
  if (!facts.host) return policy::Reason::kAddressNotIssued;
  if (*name != *facts.host) return policy::Reason::kAuthorityMismatch;
  return std::nullopt;
}

Seen seen_in(const tls::ClientHello& hello) {
  return {.sni = hello.server_name ? std::string_view(*hello.server_name) : std::string_view()};
}

}  // namespace

Seen AllowedHello::seen() const {
  return seen_in(hello);
}

/// One connection. Whatever ends it does so last, for it destroys it.
class Classifier::Newcomer final : public net::PollTarget, private net::WheelEntry, private Interruptible {
 public:
  Newcomer(std::list<Newcomer>& all, std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts,
           OnClassified next)
      : all_(all), session_(std::move(session)), socket_(std::move(socket)), facts_(std::move(facts)), next_(next) {}
  ~Newcomer() override {
    if (!session_) return;
    poller().forget(socket_.get());
    session_->carried_out_by(nullptr);
  }

  void start(std::list<Newcomer>::iterator self) {
    self_ = self;
    if (!poller().add(socket_.get(), *this)) return deny({.reason = policy::Reason::kInternal});
    session_->carried_out_by(this);
    worker().wheel().schedule(*this, Deadline::roughly_after(limit()));
  }

 private:
  using Protocol = Classification::Protocol;
  using Understood = std::variant<tls::NeedMore, Protocol, policy::Reason>;

  [[nodiscard]] Worker& worker() { return session_->worker(); }
  [[nodiscard]] net::Poller& poller() { return worker().poller(); }
  [[nodiscard]] std::chrono::nanoseconds limit() { return worker().config().deadlines.classify; }

  void ready(std::uint32_t events) override {
    reported_ |= events;
    std::array<std::uint8_t, net::kHeadReadSize> arrived;
    while (true) {
      const ssize_t count = recv(socket_.get(), arrived.data(), arrived.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) return left();
      received_.insert(received_.end(), arrived.begin(), arrived.begin() + count);
      // A short read has emptied the socket, unless it has ended (AsyncSocket::receive()).
      const bool emptied = static_cast<std::size_t>(count) < arrived.size();
      if (emptied) reported_ &= ~std::uint32_t{EPOLLIN};
      const Understood understood = understand();
      if (const auto* reason = std::get_if<policy::Reason>(&understood)) return refuse(*reason);
      if (const auto* protocol = std::get_if<Protocol>(&understood)) {
        return *protocol == Protocol::kTls ? decide() : hand_over(*protocol, {});
      }
      if (emptied && reported_ == 0) return;
    }
  }

  Understood understand() {
    if (facts_.layer == policy::Layer::kTls) return understand_tls();
    if (tls::could_be_tls(received_)) {
      if (received_.size() < 3) return tls::NeedMore{};
      facts_.layer = policy::Layer::kTls;
      return understand_tls();
    }
    switch (http::judge_opening(received_)) {
      case http::Opening::kUndecided:
        return tls::NeedMore{};
      case http::Opening::kRequest:
        return Protocol::kHttp1;
      case http::Opening::kHttp2:
        return Protocol::kHttp2;
      case http::Opening::kOther:
        break;
    }
    return policy::Reason::kProtoUnknown;
  }

  Understood understand_tls() {
    auto outcome = reader_.feed(Bytes(received_).subspan(std::exchange(fed_, received_.size())));
    if (std::holds_alternative<tls::NotTls>(outcome)) return policy::Reason::kProtoUnknown;
    if (std::holds_alternative<tls::Malformed>(outcome)) return policy::Reason::kTlsMalformed;
    if (std::holds_alternative<tls::NeedMore>(outcome)) return tls::NeedMore{};
    hello_ = std::get<tls::ClientHello>(std::move(outcome));
    session_->said_what_it_wants();
    worker().metrics().overhead(metrics::Stage::kClassify, Monotonic::now() - accepted_);
    return Protocol::kTls;
  }

  /// On the whole hello.
  void decide() {
    const auto mismatched = mismatch(hello_, facts_);
    facts_.ech = hello_.ech;
    const policy::Decision decision = mismatched ? policy::Decision{.reason = *mismatched} : session_->decide(facts_);
    session_->classified(decision.handling == policy::Handling::kIntercept ? metrics::Protocol::kHttps
                                                                           : metrics::Protocol::kTls);
    if (!decision.allowed()) return deny(decision, tls::AlertDescription::kAccessDenied);
    hand_over(Protocol::kTls, AllowedHello{std::move(hello_), reader_.wire_size(), decision});
  }

  void hand_over(Protocol protocol, std::optional<AllowedHello> hello) {
    cancel();
    session_->carried_out_by(nullptr);
    auto socket =
        net::AsyncSocket::adopt(worker().io(), poller(), std::move(socket_), net::Poller::Edges::kReading, reported_);
    auto connection = std::make_unique<GuestConnection>(std::move(session_), std::move(socket), std::move(facts_));
    if (protocol != Protocol::kTls)
      connection->expect_within(connection->worker().config().deadlines.classify, accepted_);
    const OnClassified next = next_;
    Classification classification{protocol, std::move(received_), std::move(hello)};
    all_.erase(self_);
    next(std::move(connection), std::move(classification));
  }

  void refuse(policy::Reason reason) {
    if (facts_.layer == policy::Layer::kTls) session_->classified(metrics::Protocol::kTls);
    const bool malformed = reason == policy::Reason::kTlsMalformed;
    deny({.reason = reason}, malformed ? std::optional(tls::AlertDescription::kDecodeError) : std::nullopt);
  }

  void deny(const policy::Decision& denial, std::optional<tls::AlertDescription> alert = std::nullopt) {
    session_->deny(facts_, denial, seen_in(hello_));
    if (alert) session_->view().answer_at_once(socket_.get(), tls::fatal_alert(*alert));
    all_.erase(self_);
  }

  /// By itself, or because it was told to: nothing was decided.
  void left() {
    if (facts_.layer == policy::Layer::kTls) session_->classified(metrics::Protocol::kTls);
    session_->closed_as(metrics::ConnectionResult::kReset);
    all_.erase(self_);
  }

  void expired() override {
    if (const auto rest = session_->view().still_has(limit())) {
      return worker().wheel().schedule(*this, Deadline::after(*rest));
    }
    refuse(policy::Reason::kHelloTimeout);
  }

  void interrupt(Errc /*why*/) override { left(); }

  std::list<Newcomer>& all_;
  std::list<Newcomer>::iterator self_;
  std::unique_ptr<LiveSession> session_;
  Fd socket_;
  policy::Facts facts_;
  OnClassified next_;
  const Monotonic::time_point accepted_ = Monotonic::now();
  std::uint32_t reported_ = 0;  ///< events of the socket that a read has not answered
  std::vector<std::uint8_t> received_;
  std::size_t fed_ = 0;  ///< of `received_`, to the reader
  tls::ClientHelloReader reader_;
  tls::ClientHello hello_;
};

Classifier::Classifier() = default;
Classifier::~Classifier() = default;

void Classifier::add(std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts, OnClassified next) {
  newcomers_.emplace_front(newcomers_, std::move(session), std::move(socket), std::move(facts), next);
  newcomers_.front().start(newcomers_.begin());
}

}  // namespace enforcer::proxy
