#include "proxy/egress.h"

#include <fmt/format.h>

#include "base/log.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

using Binding = policy::CredentialSpec::Injection;

const Binding* login_binding(const config::EgressProxy& proxy, const policy::CredentialSpec& credential) {
  const auto* name = std::get_if<HostName>(&proxy.host);
  const Binding* binding = name == nullptr ? nullptr : credential.binding_for(*name, proxy.port);
  return binding != nullptr && binding->as == Binding::As::kBasic ? binding : nullptr;
}

TunnelTarget target_of(const policy::Facts& facts) {
  if (facts.host) return {*facts.host, facts.port};
  return {*facts.destination, facts.port};
}

}  // namespace

std::string egress_credential_problem(const config::EgressProxy& proxy, const policy::CredentialSpec* credential) {
  if (proxy.credential.empty()) return {};
  if (credential == nullptr) return fmt::format("there is no Credential '{}'", proxy.credential);
  if (login_binding(proxy, *credential) != nullptr) return {};
  return fmt::format("Credential '{}' is not bound to it: 'inject' wants {{to: [\"{}\"], as: basic, username: ...}}",
                     proxy.credential, proxy.place());
}

Egress::Egress(Worker& worker, const std::optional<config::EgressProxy>& proxy)
    : worker_(worker), proxy_(proxy), via_(proxy ? proxy->place() : std::string()) {}

asio::awaitable<Egress::Hop> Egress::first_hop(std::vector<IpAddress> origin, Port port, Deadline deadline) {
  if (!proxy_) co_return Hop{std::move(origin), port};
  if (const auto* address = std::get_if<IpAddress>(&proxy_->host)) co_return Hop{{*address}, proxy_->port};
  if (Monotonic::now() >= addresses_expire_) {
    auto found = co_await worker_.resolver().resolve(std::get<HostName>(proxy_->host), deadline);
    if (!found) co_return Hop{{}, proxy_->port};
    addresses_ = std::move(found->addresses);
    addresses_expire_ = Monotonic::now() + found->ttl;
  }
  co_return Hop{addresses_, proxy_->port};
}

EgressFailure Egress::unreached(const Hop& hop, const Error& error) {
  if (error.code == Errc::kTimeout) return {EgressFault::kTimeout};
  return {hop.addresses.empty() ? EgressFault::kResolve : EgressFault::kConnect};
}

asio::awaitable<std::optional<EgressFailure>> Egress::open(net::AsyncSocket& socket, policy::Facts facts,
                                                           Deadline deadline) {
  if (!proxy_) co_return std::nullopt;
  std::optional<TunnelLogin> who;
  if (!proxy_->credential.empty()) {
    who = co_await login(deadline);
    if (!who) co_return EgressFailure{EgressFault::kCredential};
  }
  co_return co_await ask_egress_proxy(socket, proxy_->protocol, target_of(facts), std::move(who));
}

asio::awaitable<std::optional<TunnelLogin>> Egress::login(Deadline deadline) {
  const auto credential = credential_;  // a reload may replace it meanwhile
  const Binding* binding = credential ? login_binding(*proxy_, *credential) : nullptr;
  if (binding == nullptr) co_return std::nullopt;
  auto secret = co_await worker_.secret_of(*credential, deadline);
  if (!secret) co_return std::nullopt;
  co_return TunnelLogin{binding->username, *std::move(secret)};
}

std::string_view Egress::report(const EgressFailure& failure) {
  if (Monotonic::now() >= next_report_) {
    next_report_ = Monotonic::now() + std::chrono::seconds(1);
    const std::string said = failure.code == 0 ? "" : fmt::format(" (it said {})", failure.code);
    log_warning("the corporate proxy {} did not connect: {}{}", via_, description(failure.fault), said);
  }
  return label(failure.fault);
}

}  // namespace enforcer::proxy
