/* guest_ingress: every frame towards a guest, on tc egress of its veth's end in the gateway namespace.
 *
 * Only what belongs to a socket of ours may reach a guest. The rule is the mark, and why it is sound:
 *
 *   - Nothing but guest_egress gives a packet in this namespace the mark 0x77000000|slot, and what came from one guest
 *     is marked with that guest's slot: even if forwarding were switched on, it could not get to another one.
 *   - The kernel copies the mark from the packet that started a connection to everything that the connection sends:
 *     SYN+ACK from the request socket or a cookie, data, FIN, RST of a living socket, ACK from TIME_WAIT
 *     (net.ipv4.tcp_fwmark_accept), and the RST for a packet that belongs to no connection any more
 *     (net.ipv4.fwmark_reflect, net.ipv6.fwmark_reflect). hostd sets all three.
 *   - A test for skb->sk alone would not do: an RST of IPv6 and the SYN+ACK of a SYN cookie have no socket attached,
 *     one of IPv4 has the kernel's own control socket, and a TIME_WAIT has no full one.
 *
 * DNS answers come from one socket for all guests, which carries no mark; they are known by that socket (UDP, bound to
 * port 53; nothing else in the namespace can be). ICMP is only the answer that guest_egress made itself: it carries the
 * mark. ARP and ND of the kernel must tell the truth about the gateway.
 */
#include "lib/drop.h"
#include "lib/identity.h"
#include "lib/maps.h"
#include "lib/multicast.h"
#include "lib/neighbour.h"
#include "lib/parse.h"

static __always_inline int has_guest_mark(const struct frame* f) {
  return f->skb->mark == guest_mark(f);
}

static __always_inline int is_dns_answer(struct frame* f) {
  if (parse_udp(f) != FITS || source_port(f) != bpf_htons(DNS_PORT)) return 0;
  struct bpf_sock* sk = f->skb->sk;
  if (!sk) return 0;
  sk = bpf_sk_fullsock(sk);
  return sk && sk->protocol == IPPROTO_UDP && sk->src_port == DNS_PORT;
}

static __always_inline int check_ipv4(struct frame* f) {
  if (parse_ipv4(f) != FITS || f->to_group || f->tuple.ipv4.daddr != f->guest->guest_ipv4)
    return ENFORCER_DROP_INGRESS_FOREIGN;
  switch (f->protocol) {
    case IPPROTO_TCP:
      return has_guest_mark(f) ? FITS : ENFORCER_DROP_INGRESS_FOREIGN;
    case IPPROTO_UDP:
      return is_dns_answer(f) ? FITS : ENFORCER_DROP_INGRESS_FOREIGN;
    case IPPROTO_ICMP:
      if (!has_guest_mark(f) || f->tuple.ipv4.saddr != f->guest->gateway_ipv4) return ENFORCER_DROP_INGRESS_FOREIGN;
      return icmp_type(f) == ICMP_UNREACHABLE ? FITS : ENFORCER_DROP_INGRESS_FOREIGN;
    default:
      return ENFORCER_DROP_INGRESS_FOREIGN;
  }
}

static __always_inline int check_ipv6(struct frame* f) {
  int form = parse_ipv6(f);
  if (form == ENFORCER_DROP_IP_OPTS && is_listener_report(f)) return ENFORCER_DROP_MLD;
  if (form != FITS) return ENFORCER_DROP_INGRESS_FOREIGN;
  int type = f->protocol == IPPROTO_ICMPV6 ? icmp_type(f) : 0;
  if (is_nd_type(type)) return check_nd_to_guest(f);
  if (f->to_group || !same_ipv6(f->tuple.ipv6.daddr, f->guest->guest_ipv6)) return ENFORCER_DROP_INGRESS_FOREIGN;
  switch (f->protocol) {
    case IPPROTO_TCP:
      return has_guest_mark(f) ? FITS : ENFORCER_DROP_INGRESS_FOREIGN;
    case IPPROTO_UDP:
      return is_dns_answer(f) ? FITS : ENFORCER_DROP_INGRESS_FOREIGN;
    case IPPROTO_ICMPV6:
      if (!has_guest_mark(f) || !same_ipv6(f->tuple.ipv6.saddr, f->guest->gateway_ipv6))
        return ENFORCER_DROP_INGRESS_FOREIGN;
      return type == ICMPV6_UNREACHABLE ? FITS : ENFORCER_DROP_INGRESS_FOREIGN;
    default:
      return ENFORCER_DROP_INGRESS_FOREIGN;
  }
}

/* From the gateway's MAC to the guest's, or to a group (which only ARP and ND may use). */
static __always_inline int check_link(struct frame* f) {
  if (parse_ethernet(f) != FITS) return ENFORCER_DROP_INGRESS_FOREIGN;
  if (!same_mac(f->source_mac, f->guest->gateway_mac)) return ENFORCER_DROP_INGRESS_FOREIGN;
  return f->to_group || same_mac(f->destination_mac, f->guest->guest_mac) ? FITS : ENFORCER_DROP_INGRESS_FOREIGN;
}

SEC("tc")
int guest_ingress(struct __sk_buff* skb) {
  struct frame f = {.skb = skb};
  int reason = identify(&f);
  if (reason == FITS) reason = check_link(&f);
  if (reason != FITS) return drop(&f, reason);
  switch (f.ethertype) {
    case ETH_P_ARP:
      reason = check_arp_to_guest(&f);
      break;
    case ETH_P_IP:
      reason = check_ipv4(&f);
      break;
    case ETH_P_IPV6:
      reason = check_ipv6(&f);
      break;
    default:
      reason = ENFORCER_DROP_INGRESS_FOREIGN;
      break;
  }
  if (reason != FITS) return drop(&f, reason);
  f.counters->ingress_bytes += skb->len;
  return pass(&f, ENFORCER_VERDICT_DELIVERED);
}

char _license[] SEC("license") = "GPL";
