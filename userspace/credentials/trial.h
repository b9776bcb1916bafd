// A credential is tried: one request of our own with it, to see what its origin says.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "credentials/https_client.h"
#include "credentials/lease.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials {

/// GET `target` (a path, and a query behind '?') with the value in it, over TLS that proves `host`. The status of the
/// answer. kConflict: the credential is not bound to that host and port. kInvalid: the target is no path, or the value
/// cannot stand where it belongs. kUnavailable, kTimeout: as of HttpsClient::ask(). No byte of the value is in a
/// message.
boost::asio::awaitable<Result<unsigned>> try_credential(HttpsClient& client, const policy::CredentialSpec& spec,
                                                        Lease lease, HostName host, Port port, std::string target,
                                                        Deadline deadline);

}  // namespace enforcer::credentials
