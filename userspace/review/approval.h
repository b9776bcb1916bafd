// What an approval is worth when it is used. Between the question and that moment the policy may have become another
// one: a rule has reached its `expires`, or a reload is in force at the worker that sends, and the desk has not been
// told yet what to withdraw. What people agreed to holds while the same rule asks; whatever else the policy says now
// counts as it does for any request.
#pragma once

#include "policy/decision.h"
#include "review/ticket.h"

namespace enforcer::review {

/// By `now`, the decision about the same facts at a later time, people would be asked the same thing again: the rule
/// that asks has the same text and terms, wherever it stands, and a credential of the same name would be added.
[[nodiscard]] bool still_asks(const Question& question, const policy::Decision& now);

/// What is done with the request that was approved. `now` as above; its allow or denial stands, a review is an allow
/// (kApproved) or, when it is another one, a denial by the rule that asks now (kStaleApproval). Never a review.
[[nodiscard]] policy::Decision after_approval(const Question& question, policy::Decision now);

}  // namespace enforcer::review
