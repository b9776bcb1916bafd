// The image's own service: what /usr/lib/enforcer/start starts, a Docker Engine for instance.
#pragma once

#include <sys/types.h>

namespace enforcer::guest {

/// Starts it in the background, the first time that it is called and where the image has one. Not before the network is
/// up and the host's CA is trusted: it inherits the environment, and engines read the CA bundle once. Its output goes
/// to the console.
void start_services();

/// To be asked about every child that was reaped: true when it was the service, whose end has then been said on the
/// console. It is not started again.
bool service_ended(pid_t pid, int status);

}  // namespace enforcer::guest
