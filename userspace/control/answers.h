// The plain routes: one request in, one JSON answer out.
#pragma once

#include <string>

#include "control/route.h"
#include "control/service.h"

namespace enforcer::control {

/// `match` is any endpoint but kLog and kExec. The caller's role was compared.
asio::awaitable<Answer> answer(Service& service, Caller caller, Match match, Target target, std::string body);

}  // namespace enforcer::control
