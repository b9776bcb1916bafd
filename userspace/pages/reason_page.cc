#include "pages/reason_page.h"

#include <fmt/format.h>

#include "pages/reason_advice.h"
#include "policy/reason.h"

namespace enforcer::pages {
namespace {

constexpr std::string_view kReasonsIntroduction =
    "# Reasons\n\n"
    "Why a decision came out as it did, or why an allowed exchange ended: the field `reason` of an audit record, the "
    "label "
    "`reason` of `enforcer_denied_total` and `enforcer_decisions_total`, and what a guest reads in the body of an "
    "answer "
    "(`application/problem+json`).\n\n"
    "The layers are those of the record's field `layer`: a name was asked for (`dns`), a connection was opened (`l4`), "
    "TLS "
    "began (`tls`), a request was read (`http`). `enforcerctl log --decision deny` has the records, `enforcerctl "
    "explain` the "
    "grounds of a decision, rule by rule. Limits with their figures, and what the guest gets: "
    "[deploy/README.md](../deploy/README.md#limits-and-time-outs).\n\n"
    "Generated from `policy/reason.h` and `pages/reason_advice.cc`: `cmake --build build/asan --target "
    "write_pages`.\n\n"
    "| reason | means | layers | what to do |\n| --- | --- | --- | --- |\n";

}  // namespace

std::string reason_page() {
  std::string out(kReasonsIntroduction);
  for (std::size_t i = 0; i < policy::kReasonCount; ++i) {
    const auto reason = policy::Reason{static_cast<std::uint8_t>(i)};
    const ReasonAdvice advice = advice_on(reason);
    out += fmt::format("| `{}` | {} | {} | {} |\n", policy::label(reason), policy::description(reason), advice.layers,
                       advice.action);
  }
  return out;
}

}  // namespace enforcer::pages
