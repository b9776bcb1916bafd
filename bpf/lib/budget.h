/* Token buckets, some for each guest: what it may make us do in a second before enforcerd, whose limits are finer, has
 * even seen it. A guest that floods gets silence, and spends only its own. */
#ifndef ENFORCER_BPF_LIB_BUDGET_H
#define ENFORCER_BPF_LIB_BUDGET_H

#include "identity.h"

#define NANOSECONDS 1000000000ull

/* The entry is made by the first that takes from it and removed by hostd with the guest. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, ENFORCER_MAX_GUESTS);
  __type(key, __u32);
  __type(value, struct enforcer_budgets);
} budgets SEC(".maps");

static __always_inline struct enforcer_budgets* budgets_of(const struct frame* f) {
  __u32 slot = f->guest->slot;
  struct enforcer_budgets* found = bpf_map_lookup_elem(&budgets, &slot);
  if (found) return found;
  __u64 now = bpf_ktime_get_ns();
  struct enforcer_budgets first = {
      .answers = {.refilled_ns = now, .tokens = ENFORCER_ANSWERS_AT_ONCE},
      .connects = {.refilled_ns = now, .tokens = f->guest->connects_per_second},
      .queries = {.refilled_ns = now, .tokens = f->guest->queries_per_second},
  };
  bpf_map_update_elem(&budgets, &slot, &first, BPF_NOEXIST);
  return bpf_map_lookup_elem(&budgets, &slot);
}

/* One token, of a bucket that holds `full` and gets `rate` a second. */
static __always_inline int take_token(struct enforcer_budget* budget, __u32 rate, __u32 full) {
  if (!rate) return 0;
  __u64 interval = NANOSECONDS / rate;
  if (!interval) interval = 1;
  __u64 last = budget->refilled_ns;
  __u64 now = bpf_ktime_get_ns();
  if (now >= last + interval) {
    __u64 earned = (now - last) / interval;
    /* Two CPUs may get here at the same time: one wins the interval, the other goes on with what there is. */
    if (__sync_bool_compare_and_swap(&budget->refilled_ns, last, last + earned * interval)) {
      __u64 tokens = budget->tokens;
      __u64 filled = earned >= full || tokens + earned > full ? full : tokens + earned;
      __sync_bool_compare_and_swap(&budget->tokens, tokens, filled);
    }
  }
  __u64 tokens = budget->tokens;
  /* Losing the race for a token costs one frame, not correctness. */
  return tokens && __sync_bool_compare_and_swap(&budget->tokens, tokens, tokens - 1);
}

static __always_inline int may_answer(const struct frame* f) {
  struct enforcer_budgets* of = budgets_of(f);
  return of && take_token(&of->answers, ENFORCER_ANSWERS_PER_SECOND, ENFORCER_ANSWERS_AT_ONCE);
}

static __always_inline int may_connect(const struct frame* f) {
  struct enforcer_budgets* of = budgets_of(f);
  return of && take_token(&of->connects, f->guest->connects_per_second, f->guest->connects_per_second);
}

static __always_inline int may_query(const struct frame* f) {
  struct enforcer_budgets* of = budgets_of(f);
  return of && take_token(&of->queries, f->guest->queries_per_second, f->guest->queries_per_second);
}

#endif
