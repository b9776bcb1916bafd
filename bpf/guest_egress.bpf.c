/* guest_egress: every frame that a guest sends, on tc ingress of its veth's end in the gateway namespace.
 *
 *   who?     identify    interface -> guest; MACs and source address must be the ones hostd wrote down
 *   what?    parse       plain Ethernet, plain IPv4 or IPv6, TCP, UDP or ICMP; no tag, option, fragment or extension
 *   whither? steer       TCP to its connection or to a worker's listener, UDP/53 to the DNS socket: so many a second
 *            neighbour   ARP and ND for the gateway go to the kernel, which answers
 *            reject      ICMP and other UDP are answered with "administratively prohibited"
 *            drop        all the rest, counted by reason
 *
 * A frame leaves only through drop(), reject() or pass(); a new branch that forgets to decide does not compile.
 */
#include "lib/drop.h"
#include "lib/identity.h"
#include "lib/maps.h"
#include "lib/multicast.h"
#include "lib/neighbour.h"
#include "lib/parse.h"
#include "lib/reject.h"
#include "lib/steer.h"

/* ICMP errors are never answered with an error (RFC 1122 §3.2.2). Of the requests, all. */
static __always_inline int is_icmp_error(int type) {
  return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
         type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

static __always_inline int judge_tcp(struct frame* f) {
  int reason = parse_tcp(f);
  if (reason == FITS && !tcp_flags_fit(f->tcp_flags)) reason = ENFORCER_DROP_TCP_BAD;
  if (reason == FITS) reason = steer_tcp(f);
  return reason == FITS ? pass(f, ENFORCER_VERDICT_STEERED) : drop(f, reason);
}

static __always_inline int judge_udp(struct frame* f) {
  int reason = parse_udp(f);
  if (reason != FITS) return drop(f, reason);
  if (destination_port(f) != bpf_htons(DNS_PORT)) return reject(f, ENFORCER_DROP_UDP_PORT);
  reason = steer_dns(f);
  return reason == FITS ? pass(f, ENFORCER_VERDICT_STEERED) : drop(f, reason);
}

static __always_inline int judge_arp(struct frame* f) {
  int reason = check_arp_from_guest(f);
  return reason == FITS ? pass(f, ENFORCER_VERDICT_NEIGHBOUR) : drop(f, reason);
}

static __always_inline int judge_ipv4(struct frame* f) {
  int reason = parse_ipv4(f);
  if (reason == FITS) reason = check_addresses_ipv4(f);
  if (reason != FITS) return drop(f, reason);
  switch (f->protocol) {
    case IPPROTO_TCP:
      return judge_tcp(f);
    case IPPROTO_UDP:
      return judge_udp(f);
    case IPPROTO_ICMP: {
      int type = icmp_type(f);
      if (type < 0) return drop(f, ENFORCER_DROP_L2_SHORT);
      return is_icmp_error(type) ? drop(f, ENFORCER_DROP_ICMP) : reject(f, ENFORCER_DROP_ICMP);
    }
    default:
      return drop(f, ENFORCER_DROP_IP_PROTO);
  }
}

static __always_inline int judge_ipv6(struct frame* f) {
  int reason = parse_ipv6(f);
  if (reason == ENFORCER_DROP_IP_OPTS && is_listener_report(f)) reason = ENFORCER_DROP_MLD;
  if (reason != FITS) return drop(f, reason);
  int type = f->protocol == IPPROTO_ICMPV6 ? icmp_type(f) : 0;
  if (type < 0) return drop(f, ENFORCER_DROP_L2_SHORT);
  if (is_nd_type(type)) {
    reason = check_nd_from_guest(f);
    return reason == FITS ? pass(f, ENFORCER_VERDICT_NEIGHBOUR) : drop(f, reason);
  }
  reason = check_addresses_ipv6(f);
  if (reason != FITS) return drop(f, reason);
  switch (f->protocol) {
    case IPPROTO_TCP:
      return judge_tcp(f);
    case IPPROTO_UDP:
      return judge_udp(f);
    case IPPROTO_ICMPV6:
      return type & ICMPV6_REQUEST_BIT ? reject(f, ENFORCER_DROP_ICMP) : drop(f, ENFORCER_DROP_ICMP);
    default:
      return drop(f, ENFORCER_DROP_IP_PROTO);
  }
}

SEC("tc")
int guest_egress(struct __sk_buff* skb) {
  struct frame f = {.skb = skb};
  int reason = identify(&f);
  if (f.counters) f.counters->egress_bytes += skb->len;
  if (reason != FITS) return drop(&f, reason);

  /* Before anything can pass: the nft guard behind us lets nothing through that lacks the mark, sockets accepted from
   * this packet inherit it, and a mark that came along with the frame ends here. */
  skb->mark = guest_mark(&f);

  reason = parse_ethernet(&f);
  if (reason == FITS) reason = check_macs(&f);
  if (reason != FITS) return drop(&f, reason);
  switch (f.ethertype) {
    case ETH_P_ARP:
      return judge_arp(&f);
    case ETH_P_IP:
      return judge_ipv4(&f);
    case ETH_P_IPV6:
      return judge_ipv6(&f);
    default:
      return drop(&f, ENFORCER_DROP_L2_ETHERTYPE);
  }
}

char _license[] SEC("license") = "GPL";
