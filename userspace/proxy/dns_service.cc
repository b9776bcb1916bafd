#include "proxy/dns_service.h"

#include <boost/asio/co_spawn.hpp>

#include "base/log.h"
#include "dns/local_names.h"
#include "net/dns_socket.h"
#include "policy/decide.h"
#include "policy/open_suffix.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

constexpr int kDatagramsPerTurn = 64;

}  // namespace

/// One UDP socket on port 53 of the gateway namespace.
class DnsService::Socket final : public net::PollTarget {
 public:
  Socket(DnsService& service, Fd socket) : service_(service), socket_(std::move(socket)) {}
  ~Socket() { service_.home_.poller().remove(socket_.get()); }
  Result<> watch() { return service_.home_.poller().add(socket_.get(), *this); }

 private:
  void ready(std::uint32_t) override {
    for (int i = 0; i < kDatagramsPerTurn; ++i) {
      auto datagram = net::receive_datagram(socket_.get());
      if (!datagram) return;
      const auto view = service_.home_.guest(datagram->slot);
      if (!view) continue;
      if (const auto answer = service_.answer(*view, datagram->payload(), dns::Transport::kUdp)) {
        net::send_datagram(socket_.get(), *datagram, *answer);
      }
    }
    // More may be waiting: asking again makes the poller report it again, after the others had their turn.
    if (const auto again = service_.home_.poller().again(socket_.get()); !again) {
      log_error("DNS: {}", again.error().message);
    }
  }

  DnsService& service_;
  Fd socket_;
};

DnsService::DnsService(Worker& home) : home_(home) {}
DnsService::~DnsService() = default;

Result<> DnsService::serve(Fd socket) {
  auto served = std::make_unique<Socket>(*this, std::move(socket));
  TRY_VOID(served->watch());
  sockets_.push_back(std::move(served));
  if (sockets_.size() > 2) sockets_.erase(sockets_.begin());  // the one before serves until hostd has replaced it
  return {};
}

asio::awaitable<std::optional<dns::Answer>> DnsService::answer_from_anywhere(Slot slot,
                                                                             std::vector<std::uint8_t> message) {
  auto on_home = [](DnsService& dns, Slot whose,
                    std::vector<std::uint8_t> query) -> asio::awaitable<std::optional<dns::Answer>> {
    const auto view = dns.home_.guest(whose);
    if (!view) co_return std::nullopt;
    co_return dns.answer(*view, query, dns::Transport::kTcp);
  };
  auto asked = on_home(*this, slot, std::move(message));
  co_return co_await asio::co_spawn(home_.io(), std::move(asked), asio::use_awaitable);
}

std::optional<dns::Answer> DnsService::answer(GuestView& view, Bytes message, dns::Transport transport) {
  const auto start = Monotonic::now();
  const auto parsed = dns::parse_query(message, transport);
  // Whatever it is counts. A record of a refused one has no name: it folds, or a flood of names would fill the log.
  const bool within_rate = view.guest->take_dns_query(start);
  if (!within_rate) record_denial(view, nullptr, {.reason = policy::Reason::kDnsRate});
  const auto refuse = [](const dns::Echo& echo) -> Outcome {
    return {dns::make_error(echo, dns::ResponseCode::kServFail), policy::Action::kDeny, dns::ResponseCode::kServFail};
  };
  if (std::holds_alternative<dns::NotAQuery>(parsed)) {
    if (within_rate) record_denial(view, nullptr, {.reason = policy::Reason::kDnsMalformed});
    return std::nullopt;
  }
  Outcome outcome;
  if (const auto* unusable = std::get_if<dns::UnusableQuery>(&parsed); unusable != nullptr && !within_rate) {
    outcome = refuse(unusable->echo);
  } else if (unusable != nullptr) {
    const bool malformed = unusable->fault == dns::UnusableQuery::Fault::kMalformed;
    record_denial(view, nullptr, {.reason = malformed ? policy::Reason::kDnsMalformed : policy::Reason::kDnsType});
    outcome = {dns::make_error(unusable->echo, unusable->code), policy::Action::kDeny, unusable->code};
  } else {
    const auto& query = std::get<dns::Query>(parsed);
    outcome = within_rate ? answer_query(view, query) : refuse(query.echo);
  }
  home_.metrics().dns_query(outcome.action, static_cast<std::uint8_t>(outcome.code));
  home_.metrics().overhead(metrics::Stage::kDns, Monotonic::now() - start);
  return std::move(outcome.answer);
}

DnsService::Outcome DnsService::answer_query(GuestView& view, const dns::Query& query) {
  using dns::ResponseCode;
  using policy::Action;
  if (dns::is_localhost(query.name)) {
    return {dns::make_addresses(query, dns::loopback_addresses()), Action::kAllow, ResponseCode::kNoError};
  }
  if (dns::is_reverse_name(query.name)) {
    return {dns::make_no_such_name(query), Action::kDeny, ResponseCode::kNxDomain};
  }
  const policy::Facts facts{.layer = policy::Layer::kDns, .host = query.name, .now = WallClock::now()};
  const policy::Decision decision = policy::decide(*view.policy, facts);
  if (!decision.allowed()) return deny(view, query, decision);
  const bool for_address = query.type == dns::Type::kA || query.type == dns::Type::kAaaa;
  if (for_address && !within_name_budget(view, query.name)) {
    return deny(view, query, {.reason = policy::Reason::kLimitNames, .rule = decision.rule});
  }
  home_.count_decision(view, policy::Layer::kDns, decision);
  if (!for_address) return {dns::make_no_data(query), Action::kAllow, ResponseCode::kNoError};
  const auto addresses = view.guest->names().issue(query.name);
  if (!addresses) {
    log_error("DNS: {}", addresses.error().message);
    record_denial(view, &query.name, {.reason = policy::Reason::kInternal});
    return {dns::make_error(query.echo, ResponseCode::kServFail), Action::kDeny, ResponseCode::kServFail};
  }
  if (!*addresses) return deny(view, query, {.reason = policy::Reason::kLimitNames});
  return {dns::make_addresses(query, **addresses), Action::kAllow, ResponseCode::kNoError};
}

bool DnsService::within_name_budget(GuestView& view, const HostName& name) {
  if (view.guest->names().knows(name)) return true;
  const auto suffix = policy::open_suffix(*view.policy, name);
  if (!suffix) return true;
  const std::uint32_t limit = view.guest->distinct_names_per_hour();
  net::RateLimit& budget = view.new_names.try_emplace(*suffix, limit, std::chrono::hours(1)).first->second;
  budget.change(limit, std::chrono::hours(1));
  return budget.take(Monotonic::now());
}

DnsService::Outcome DnsService::deny(GuestView& view, const dns::Query& query, const policy::Decision& denial) {
  const DecisionId id = record_denial(view, &query.name, denial);
  return {dns::make_denied(query, id.text()), policy::Action::kDeny, dns::ResponseCode::kNxDomain};
}

DecisionId DnsService::record_denial(GuestView& view, const HostName* name, const policy::Decision& denial) {
  const GuestIdentity& identity = view.guest->identity();
  home_.count_decision(view, policy::Layer::kDns, denial);
  return home_.audit().deny({.id = DecisionId::make(),
                             .subject = {&identity.name, identity.epoch, view.labels.get()},
                             .layer = policy::Layer::kDns,
                             .decision = denial,
                             .generation = view.policy->generation(),
                             .host = name != nullptr ? std::string_view(name->text()) : std::string_view(),
                             .port = kDnsPort});
}

}  // namespace enforcer::proxy
