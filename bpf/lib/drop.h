/* The exits. Every frame leaves through exactly one of them, and each adds one to exactly one verdict. */
#ifndef ENFORCER_BPF_LIB_DROP_H
#define ENFORCER_BPF_LIB_DROP_H

#include "parse.h"

static __always_inline void count_verdict(const struct frame* f, enum enforcer_verdict verdict) {
  if (f->counters) f->counters->verdicts[verdict]++;
}

static __always_inline void count_reason(const struct frame* f, __u32 reason) {
  if (f->counters && reason < ENFORCER_DROP_REASON_COUNT) f->counters->drops[reason]++;
}

/* The frame ends here, in silence. */
static __always_inline int drop(const struct frame* f, int reason) {
  count_reason(f, reason);
  count_verdict(f, ENFORCER_VERDICT_DROPPED);
  return TC_ACT_SHOT;
}

/* The frame goes on to the kernel (egress: our own namespace's stack; ingress: the guest). */
static __always_inline int pass(const struct frame* f, enum enforcer_verdict verdict) {
  count_verdict(f, verdict);
  return TC_ACT_OK;
}

#endif
