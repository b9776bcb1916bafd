/* Handing a packet to one of our sockets.
 *
 * TCP goes to the connection that it belongs to; a new one, or one that no longer exists, goes to a worker's listener
 * (which answers strays with RST). UDP/53 goes to the DNS socket. bpf_sk_assign only replaces the socket lookup: the
 * packet still passes the nft guard and needs a local route, both set up by hostd.
 *
 * Workers have one listener each, on ports of their own: in a SO_REUSEPORT group the kernel would choose again.
 */
#ifndef ENFORCER_BPF_LIB_STEER_H
#define ENFORCER_BPF_LIB_STEER_H

#include "budget.h"
#include "identity.h"

struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, ENFORCER_MAX_WORKERS);
  __type(key, __u32);
  __type(value, __u64);
} listeners SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} dns_socket SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_RDONLY_PROG);
  __type(key, __u32);
  __type(value, struct enforcer_steering);
} steering SEC(".maps");

/* May the packet go to `sk`, found by its four-tuple? Then it is a connection that one of our listeners accepted for
 * this very guest: accepted sockets carry the guest's mark. Without the mark it is a stranger, or belongs to an earlier
 * guest that had the same address; the listener answers then.
 *
 * A half-open or closing connection has no mark to look at. Its four-tuple contains the guest's own address and it can
 * only stem from a listener of ours, as nothing else in the namespace listens or connects. That holds for a SYN that
 * meets TIME_WAIT as well: sent to a listener, newer kernels drop it as a duplicate. TIME_WAIT answers with an ACK, the
 * guest resets that and tries again (Linux within milliseconds). */
static __always_inline int is_ours(const struct frame* f, struct bpf_sock* sk) {
  switch (sk->state) {
    case BPF_TCP_LISTEN:
      return 0;
    case BPF_TCP_NEW_SYN_RECV:
    case BPF_TCP_TIME_WAIT:
      return 1;
    default: {
      struct bpf_sock* full = bpf_sk_fullsock(sk);
      return full && full->mark == guest_mark(f);
    }
  }
}

static __always_inline int assign_and_release(const struct frame* f, struct bpf_sock* sk) {
  long error = bpf_sk_assign(f->skb, sk, 0);
  bpf_sk_release(sk);
  return error ? ENFORCER_DROP_SK_ASSIGN_FAIL : FITS;
}

static __always_inline int steer_to_listener(struct frame* f) {
  __u32 key = 0;
  const struct enforcer_steering* in_use = bpf_map_lookup_elem(&steering, &key);
  if (!in_use) return ENFORCER_DROP_MAP_FAIL;
  __u32 workers = in_use->workers;
  if (!workers || workers > ENFORCER_MAX_WORKERS) return ENFORCER_DROP_NO_LISTENER;

  /* The sender may have stamped the packet with its socket's hash, which changes when it retransmits. Ours depends on
   * the four-tuple only: a SYN cookie must come back to the listener that sent it. */
  bpf_set_hash_invalid(f->skb);
  key = bpf_get_hash_recalc(f->skb) % workers;
  struct bpf_sock* sk = bpf_map_lookup_elem(&listeners, &key);
  if (!sk) return ENFORCER_DROP_NO_LISTENER;
  return assign_and_release(f, sk);
}

static __always_inline int steer_tcp(struct frame* f) {
  /* A copy: the helper needs an address, and only what has none stays in registers. */
  struct bpf_sock_tuple tuple = f->tuple;
  struct bpf_sock* sk = f->ethertype == ETH_P_IP
                            ? bpf_skc_lookup_tcp(f->skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0)
                            : bpf_skc_lookup_tcp(f->skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
  if (sk) {
    if (is_ours(f, sk)) return assign_and_release(f, sk);
    bpf_sk_release(sk);
  }
  /* A SYN, or a stray, which costs a reset: what a flood is made of. */
  return may_connect(f) ? steer_to_listener(f) : ENFORCER_DROP_CONNECT_RATE;
}

static __always_inline int steer_dns(struct frame* f) {
  if (!may_query(f)) return ENFORCER_DROP_QUERY_RATE;
  __u32 key = 0;
  struct bpf_sock* sk = bpf_map_lookup_elem(&dns_socket, &key);
  if (!sk) return ENFORCER_DROP_NO_LISTENER;
  return assign_and_release(f, sk);
}

#endif
