/* Who a frame belongs to. Identity is the interface; addresses are only compared with what hostd wrote down for that
 * interface, never looked up. Nothing that the guest sent selects a record of any kind before these checks have passed.
 */
#ifndef ENFORCER_BPF_LIB_IDENTITY_H
#define ENFORCER_BPF_LIB_IDENTITY_H

#include "maps.h"
#include "parse.h"

static __always_inline __u32 guest_mark(const struct frame* f) {
  return ENFORCER_MARK_MAGIC | (f->guest->slot & ENFORCER_SLOT_MASK);
}

/* Fills in guest and counters from the interface. Traffic that nobody could count is not let through (MAP_FAIL). */
static __always_inline int identify(struct frame* f) {
  __u32 nobody = 0;
  __u32 ifindex = f->skb->ifindex;
  f->guest = bpf_map_lookup_elem(&guests, &ifindex);
  if (!f->guest) {
    f->counters = bpf_map_lookup_elem(&counters, &nobody);
    return ENFORCER_DROP_UNKNOWN_GUEST;
  }
  __u32 slot = f->guest->slot;
  f->counters = bpf_map_lookup_elem(&counters, &slot);
  if (f->counters && slot) return FITS;
  f->counters = bpf_map_lookup_elem(&counters, &nobody);
  return ENFORCER_DROP_MAP_FAIL;
}

/* Word by word, because memcmp() of unaligned bytes becomes sixteen loads each. */
static __always_inline int same_mac(const void* a, const void* b) {
  const __u16 *x = a, *y = b;
  return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]));
}

static __always_inline int same_ipv6(const void* a, const void* b) {
  const __u32 *x = a, *y = b;
  return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]));
}

static __always_inline int is_unspecified(const __be32* ipv6) {
  return !(ipv6[0] | ipv6[1] | ipv6[2] | ipv6[3]);
}

/* From the guest's MAC to the gateway's. Group destinations pass here, because ARP and ND use them and because "a
 * multicast packet" says more than "a wrong MAC": check_unicast() or the neighbour checks decide about them. */
static __always_inline int check_macs(const struct frame* f) {
  if (!same_mac(f->source_mac, f->guest->guest_mac)) return ENFORCER_DROP_L2_SRCMAC;
  if (!f->to_group && !same_mac(f->destination_mac, f->guest->gateway_mac)) return ENFORCER_DROP_L2_DSTMAC;
  return FITS;
}

/* A unicast IP packet in a broadcast frame would take another path through the kernel (PACKET_BROADCAST). */
static __always_inline int check_unicast(const struct frame* f) {
  return f->to_group ? ENFORCER_DROP_L2_DSTMAC : FITS;
}

static __always_inline int check_addresses_ipv4(const struct frame* f) {
  __be32 source = f->tuple.ipv4.saddr;
  __u32 destination = bpf_ntohl(f->tuple.ipv4.daddr);
  if (!source || source != f->guest->guest_ipv4) return ENFORCER_DROP_IP_SRC_SPOOF;
  if (destination >> 28 == 0xe) return ENFORCER_DROP_IP_MCAST;
  if (destination >> 24 == 0 ||      /* "this network" */
      destination >> 24 == 127 ||    /* loopback */
      destination >> 16 == 0xa9fe || /* 169.254/16, link-local */
      destination >> 28 == 0xf ||    /* class E with the limited broadcast */
      f->tuple.ipv4.daddr == source) /* a guest talks to itself only by forging frames */
    return ENFORCER_DROP_IP_DST_LOCAL;
  return check_unicast(f);
}

static __always_inline int check_addresses_ipv6(const struct frame* f) {
  const __be32* source = f->tuple.ipv6.saddr;
  const __be32* destination = f->tuple.ipv6.daddr;
  /* A guest without an IPv6 address has :: in its record, which must not make :: a valid source. */
  if (is_unspecified(source) || !same_ipv6(source, f->guest->guest_ipv6)) return ENFORCER_DROP_IP_SRC_SPOOF;
  __u32 top = bpf_ntohl(destination[0]);
  if (top >> 24 == 0xff) return ENFORCER_DROP_IP_MCAST;
  if (top >> 22 == 0xfe80 >> 6 || same_ipv6(destination, source)) return ENFORCER_DROP_IP_DST_LOCAL;
  if (!(destination[0] | destination[1])) {
    if (!destination[2] && bpf_ntohl(destination[3]) <= 1) return ENFORCER_DROP_IP_DST_LOCAL; /* ::, ::1 */
    /* ::a.b.c.d and ::ffff:a.b.c.d: a dual-stack socket would show them as IPv4, so they are no IPv6 on the wire. */
    if (!destination[2] || destination[2] == bpf_htonl(0xffff)) return ENFORCER_DROP_IP_VER;
  }
  return check_unicast(f);
}

#endif
