#include "proxy/origin.h"

#include "dns/name_table.h"
#include "net/socket.h"
#include "policy/decide.h"
#include "proxy/decisions.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

/// Checked answers kept for one guest on one worker: of every name that it can have.
constexpr std::size_t kMaxCachedOrigins = dns::NameTable::kCapacity;

/// Loopback is private space by any name; "the host's own" says more only about addresses that lead back here from
/// elsewhere.
bool is_loopback(const IpAddress& address) {
  return address.is_v4() ? address.v4_host_order() >> 24 == 127 : address == *IpAddress::parse("::1");
}

CheckedAddresses judge(std::vector<IpAddress> addresses, std::chrono::seconds ttl) {
  CheckedAddresses checked{.addresses = std::move(addresses), .expires = Monotonic::now() + ttl};
  for (const IpAddress& address : checked.addresses) {
    checked.worst = std::max(checked.worst, policy::judge_address(address));
    const bool loopback = is_loopback(address);
    checked.loopback = checked.loopback || loopback;
    checked.local = checked.local || (!loopback && net::is_local_address(address));
  }
  return checked;
}

const CheckedAddresses* cached(const GuestView& view, const HostName& name) {
  const auto found = view.origins.find(name);
  return found != view.origins.end() && found->second.expires > Monotonic::now() ? &found->second : nullptr;
}

/// Asks, and tells all who wait for the same name.
asio::awaitable<Result<const CheckedAddresses*>> look_up(Decisions& decisions, const HostName& name,
                                                         Deadline deadline) {
  GuestView& view = decisions.view();
  const auto lookup = std::make_shared<SharedLookup>();
  view.lookups.emplace(name, lookup);
  auto resolution = co_await decisions.worker().resolver().resolve(name, deadline);
  view.lookups.erase(name);
  if (!resolution) lookup->failure = resolution.error();
  for (net::Signal& waiting : lookup->waiting) waiting.notify();
  if (!resolution) co_return std::unexpected(std::move(resolution).error());
  if (view.origins.size() >= kMaxCachedOrigins) view.origins.clear();
  co_return &view.origins.insert_or_assign(name, judge(std::move(resolution->addresses), resolution->ttl))
      .first->second;
}

asio::awaitable<Result<const CheckedAddresses*>> resolve(Decisions& decisions, const HostName& name,
                                                         Deadline deadline) {
  GuestView& view = decisions.view();
  while (true) {
    if (const CheckedAddresses* known = cached(view, name)) co_return known;
    const auto under_way = view.lookups.find(name);
    if (under_way == view.lookups.end()) break;
    const std::shared_ptr<SharedLookup> lookup = under_way->second;
    net::Signal& told = lookup->waiting.emplace_back(decisions.worker().io());
    co_await told.wait();
    // Whoever asked had less time than we have: then we ask.
    const bool only_late = lookup->failure && lookup->failure->code == Errc::kTimeout && !deadline.passed();
    if (lookup->failure && !only_late) co_return std::unexpected(*lookup->failure);
  }
  co_return co_await look_up(decisions, name, deadline);
}

}  // namespace

std::optional<Forbidden> forbidden(Decisions& decisions, const policy::Facts& facts, const policy::Decision& decision,
                                   const CheckedAddresses& checked) {
  using policy::AddressVerdict;
  using policy::Reason;
  if (checked.worst == AddressVerdict::kMetadata)
    return Forbidden{.reason = Reason::kDstMetadata, .rule = decision.rule};
  // Our own metrics name guests and rules, whatever a rule opens.
  if ((checked.local || checked.loopback) && facts.port == decisions.worker().config().metrics.listen.port) {
    return Forbidden{.reason = Reason::kDstLocal, .rule = decision.rule};
  }
  const bool private_allowed = decision.opens_private_space();
  if (!private_allowed && checked.local) return Forbidden{.reason = Reason::kDstLocal, .rule = decision.rule};
  if (!private_allowed && checked.worst == AddressVerdict::kPrivate) {
    return Forbidden{.reason = Reason::kDstPrivate, .rule = decision.rule};
  }
  for (const IpAddress& address : checked.addresses) {
    if (auto denial = policy::deny_address(decisions.policy(), facts, address)) return denial;
  }
  return std::nullopt;
}

asio::awaitable<OriginAddresses> find_origin(Decisions& decisions, const policy::Facts& facts,
                                             const policy::Decision& decision, Deadline deadline) {
  ENFORCER_CHECK(decision.allowed());
  if (!facts.host) {
    const CheckedAddresses literal = judge({*facts.destination}, std::chrono::seconds(0));
    if (auto denial = forbidden(decisions, facts, decision, literal)) co_return *std::move(denial);
    co_return literal;
  }
  const auto checked = co_await resolve(decisions, *facts.host, deadline);
  if (!checked) {
    const bool late = checked.error().code == Errc::kTimeout;
    co_return Unresolved{late ? metrics::OriginError::kTimeout : metrics::OriginError::kResolve};
  }
  if (auto denial = forbidden(decisions, facts, decision, **checked)) co_return *std::move(denial);
  co_return **checked;
}

}  // namespace enforcer::proxy
