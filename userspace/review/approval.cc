#include "review/approval.h"

namespace enforcer::review {

bool still_asks(const Question& question, const policy::Decision& now) {
  return now.action == policy::Action::kReview && now.rule->review == question.rule->review &&
         policy::credential_of(now) == question.credential;
}

policy::Decision after_approval(const Question& question, policy::Decision now) {
  if (now.action != policy::Action::kReview) return now;
  if (!still_asks(question, now)) return {.reason = policy::Reason::kStaleApproval, .rule = now.rule};
  now.action = policy::Action::kAllow;
  now.reason = policy::Reason::kApproved;
  return now;
}

}  // namespace enforcer::review
