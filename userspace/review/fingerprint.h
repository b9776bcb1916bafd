// Fingerprint: what makes two requests the same one for people who approve (invariant 12). Everything that an origin
// could act on counts; what clients change from try to try does not: Date, X-Amz-Date, amz-sdk-invocation-id,
// amz-sdk-request, traceparent, tracestate and User-Agent, as long as they are short, the date and the signature in an
// Authorization of AWS, and what concerns one connection only (RFC 9110 7.6.1), by name: what a Connection field
// names counts. Who asks counts: what is approved for one account is not for another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "policy/facts.h"

namespace enforcer::review {

struct Fingerprint {
  std::array<std::uint8_t, 32> octets{};  ///< SHA-256
  friend auto operator<=>(const Fingerprint&, const Fingerprint&) = default;
};
[[nodiscard]] std::string to_hex(const Fingerprint& fingerprint);  ///< 64 digits

/// `facts`: of a question at Layer::kHttp, with the request. `body`: all of it. `rule_text`: ReviewTerms::text of the
/// rule that asks. Every part goes in with its length, so that no two requests read alike.
[[nodiscard]] Fingerprint fingerprint_of(Epoch epoch, const policy::Facts& facts, std::span<const std::uint8_t> body,
                                         std::string_view rule_text);

/// A field that does not count, by its name as in FieldFact.
[[nodiscard]] bool changes_between_tries(std::string_view field);

}  // namespace enforcer::review
