#include "proxy/admission.h"

#include "net/socket.h"
#include "policy/address_guard.h"
#include "proxy/live_session.h"
#include "proxy/session.h"
#include "proxy/worker.h"

namespace enforcer::proxy {
namespace {

/// A literal address that no rule names: says what kind of place the guest tried to reach.
policy::Reason reason_for_literal(const IpAddress& address) {
  switch (policy::judge_address(address)) {
    case policy::AddressVerdict::kMetadata:
      return policy::Reason::kDstMetadata;
    case policy::AddressVerdict::kPrivate:
      return net::is_local_address(address) ? policy::Reason::kDstLocal : policy::Reason::kDstPrivate;
    case policy::AddressVerdict::kGlobal:
      break;
  }
  return policy::Reason::kAddress;
}

policy::Facts first_facts(Guest& guest, const Endpoint& destination) {
  policy::Facts facts{.layer = policy::Layer::kL4, .port = destination.port, .now = WallClock::now()};
  facts.host = guest.names().name_of(destination.address);
  if (!facts.host) facts.destination = destination.address;
  return facts;
}

policy::Decision decide_first(LiveSession& session, const policy::Facts& facts) {
  const IpAddress& address = session.destination().address;
  if (!facts.host && session.guest().names().covers(address)) {
    return {.reason = policy::Reason::kAddressNotIssued};
  }
  policy::Decision decision = session.decide(facts);
  if (!decision.allowed() && decision.reason == policy::Reason::kAddress) decision.reason = reason_for_literal(address);
  return decision;
}

}  // namespace

void admit(Worker& worker, Fd socket) {
  const auto slot = net::slot_of(socket.get());
  auto view = slot ? worker.guest(*slot) : nullptr;
  const auto destination = net::original_destination(socket.get());
  if (!view || !destination) return;  // the guest is gone, or the connection is: nobody to answer

  if (!view->guest->take_decision(Monotonic::now())) return;  // counted, summarised once a second
  const bool dns = destination->port == kDnsPort;
  if (!view->guest->open_session()) {
    const GuestIdentity& identity = view->guest->identity();
    const policy::Decision denial{.reason = policy::Reason::kLimitConnections};
    worker.count_decision(*view, policy::Layer::kL4, denial);
    worker.audit().deny({.id = DecisionId::make(),
                         .subject = {&identity.name, identity.epoch, view->labels.get()},
                         .layer = policy::Layer::kL4,
                         .decision = denial,
                         .generation = view->policy->generation(),
                         .destination = destination->address,
                         .port = destination->port});
    return;
  }

  auto session = std::make_unique<LiveSession>(worker, std::move(view), *destination);
  if (dns) return start_dns_stream(std::move(session), std::move(socket));
  policy::Facts facts = first_facts(session->guest(), *destination);
  const policy::Decision decision = decide_first(*session, facts);
  if (!decision.allowed()) {
    session->deny(facts, decision);
    return;
  }
  start_session(std::move(session), std::move(socket), std::move(facts), decision);
}

}  // namespace enforcer::proxy
