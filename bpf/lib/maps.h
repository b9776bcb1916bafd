/* The two maps that guest_egress and guest_ingress share. The maps that only one program needs live beside their only
 * user (steer.h, reject.h), so that no object creates a map it never looks at.
 *
 * Nothing here pins itself: hostd pins per instance and hands the same two maps to both objects (README.md).
 * Programs cannot write "guests": identity comes from hostd alone, even if a program had a bug.
 */
#ifndef ENFORCER_BPF_LIB_MAPS_H
#define ENFORCER_BPF_LIB_MAPS_H

#include "abi.h"
#include "kernel.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, ENFORCER_MAX_GUESTS);
  __uint(map_flags, BPF_F_RDONLY_PROG);
  __type(key, __u32);
  __type(value, struct enforcer_guest);
} guests SEC(".maps");

/* One more entry than guests: slot 0. Not preallocated, because 4,096 guests on 64 CPUs would be 60 MB up front; only
 * hostd inserts, so the data path never allocates. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, ENFORCER_MAX_GUESTS + 1);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct enforcer_counters);
} counters SEC(".maps");

#endif
