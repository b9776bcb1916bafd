// Session: the life of one guest connection from its admission to its relay. session.cc says who serves it: the
// classifier until it is known what it wants (classifier.h), then TLS (passthrough.h, intercept.h), HTTP
// (http1_session.h, http2_session.h), a relay (relay.h) or DNS (dns_stream.h).
#pragma once

#include <memory>

#include "base/fd.h"
#include "policy/decision.h"
#include "policy/facts.h"

namespace enforcer::proxy {

class LiveSession;

/// Serves a connection for which `first` (an allow) was decided before any byte was read.
void start_session(std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts, const policy::Decision& first);

/// Serves DNS over TCP, whatever address the guest dialled.
void start_dns_stream(std::unique_ptr<LiveSession> session, Fd socket);

}  // namespace enforcer::proxy
