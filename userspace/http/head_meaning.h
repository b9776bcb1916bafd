// From the bytes of one complete head to what they mean.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "http/request_head.h"

namespace enforcer::http {

/// `head` ends with the only empty line in it; its lines end with CRLF, none is folded, and there is no control
/// character but tab. RequestHead or HeadMalformed, nothing else.
[[nodiscard]] HeadOutcome understand_head(Bytes head);

/// What is wrong with a method, whatever version it came by: a constant text, or nothing.
[[nodiscard]] std::optional<std::string_view> method_fault(std::string_view method);

}  // namespace enforcer::http
