// The plain routes: one request in, one JSON answer out.
#pragma once

#include <string>

#include "control/route.h"
#include "control/service.h"

namespace enforcer::control {

/// `match` is any endpoint but kLog, kExec, kSetCredential and kWatchReviews. The caller's role was compared.
asio::awaitable<Answer> answer(Service& service, Caller caller, Match match, Target target, std::string body);

/// The value of the credential `name` was in the body, which is the caller's to wipe.
asio::awaitable<Answer> answer_set_credential(Service& service, Caller caller, std::string name, Result<Secret> value);

}  // namespace enforcer::control
