/* ARP and IPv6 neighbour discovery, between a guest and its gateway only.
 *
 * All neighbour entries are permanent on both sides, so none of this is needed for traffic; it is answered because
 * tools (arping, a guest that flushed its table) expect it. A guest may ask for the gateway from its own (MAC, address)
 * pair, and may answer when the gateway asks for it. Everything else - claims, announcements, router messages,
 * redirects - could only teach somebody something false.
 *
 * The kernel checks the ICMPv6 checksum.
 */
#ifndef ENFORCER_BPF_LIB_NEIGHBOUR_H
#define ENFORCER_BPF_LIB_NEIGHBOUR_H

#include "identity.h"

/* <linux/if_arp.h> needs the C library. */
#define ARP_ETHERNET 1
#define ARP_REQUEST 1

struct arp_message {
  __be16 hardware, protocol;
  __u8 hardware_size, protocol_size;
  __be16 operation;
  __u8 sender_mac[ETH_ALEN];
  __be32 sender;
  __u8 target_mac[ETH_ALEN];
  __be32 target;
} __attribute__((packed));

/* A solicitation or an advertisement (RFC 4861 §4.3, §4.4) with room for the one option that is let through. */
struct nd_message {
  __u8 type, code;
  __be16 checksum;
  __be32 flags;
  __u8 target[16];
  __u8 option_type, option_size; /* size in units of 8 bytes */
  __u8 option_mac[ETH_ALEN];
};

#define ND_BARE_SIZE 24
#define ND_ROUTER_SOLICITATION 133
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_REDIRECT 137
#define ND_SOLICITED 0x40000000u
#define ND_HOP_LIMIT 255 /* RFC 4861 §7.1: proves that no router forwarded it */

static __always_inline const struct arp_message* pull_arp(struct frame* f) {
  const void* data = pull(f->skb, ETH_HLEN + sizeof(struct arp_message));
  if (!data) return 0;
  const struct arp_message* arp = data + ETH_HLEN;
  if (arp->hardware != bpf_htons(ARP_ETHERNET) || arp->protocol != bpf_htons(ETH_P_IP)) return 0;
  return arp->hardware_size == ETH_ALEN && arp->protocol_size == 4 ? arp : 0;
}

static __always_inline int is_broadcast(const __u8* mac) {
  return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff;
}

static __always_inline int check_arp_from_guest(struct frame* f) {
  const struct arp_message* arp = pull_arp(f);
  if (!arp) return ENFORCER_DROP_ARP_SPOOF;
  if (f->to_group && !is_broadcast(f->destination_mac)) return ENFORCER_DROP_ARP_SPOOF;
  if (arp->operation != bpf_htons(ARP_REQUEST) || arp->target != f->guest->gateway_ipv4) return ENFORCER_DROP_ARP_SPOOF;
  if (!same_mac(arp->sender_mac, f->guest->guest_mac) || arp->sender != f->guest->guest_ipv4)
    return ENFORCER_DROP_ARP_SPOOF;
  return FITS;
}

/* The gateway's answer, or its own question for the guest's address. */
static __always_inline int check_arp_to_guest(struct frame* f) {
  const struct arp_message* arp = pull_arp(f);
  if (!arp || arp->target != f->guest->guest_ipv4) return ENFORCER_DROP_INGRESS_FOREIGN;
  if (!same_mac(arp->sender_mac, f->guest->gateway_mac) || arp->sender != f->guest->gateway_ipv4)
    return ENFORCER_DROP_INGRESS_FOREIGN;
  return FITS;
}

static __always_inline int is_nd_type(int type) {
  return type >= ND_ROUTER_SOLICITATION && type <= ND_REDIRECT;
}

/* Is `group` the solicited-node multicast address of `address`: ff02::1:ff00:0/104 and its last 24 bits? */
static __always_inline int is_solicited_node(const __be32* group, const __u8* address) {
  __be32 low = bpf_htonl(0xff000000u | address[13] << 16 | address[14] << 8 | address[15]);
  return group[0] == bpf_htonl(0xff020000u) && !group[1] && group[2] == bpf_htonl(1) && group[3] == low;
}

/* To `address` itself in a unicast frame, or to its solicited-node group in a frame for that group (RFC 2464 §7). */
static __always_inline int solicits(const struct frame* f, const __u8* address) {
  const __be32* destination = f->tuple.ipv6.daddr;
  if (!f->to_group) return same_ipv6(destination, address);
  const __u8* mac = f->destination_mac;
  __be32 low = bpf_htonl((__u32)mac[2] << 24 | mac[3] << 16 | mac[4] << 8 | mac[5]);
  return is_solicited_node(destination, address) && mac[0] == 0x33 && mac[1] == 0x33 && low == destination[3];
}

/* No option, or exactly one: the link-layer address (`type` 1 source, 2 target), and it is `mac`. */
static __always_inline int check_nd_option(struct frame* f, __u8 type, const __u8* mac) {
  if (f->l4_size == ND_BARE_SIZE) return FITS;
  if (f->l4_size != sizeof(struct nd_message)) return ENFORCER_DROP_ND_SPOOF;
  const struct nd_message* nd = pull_l4(f, sizeof(*nd));
  if (!nd || nd->option_type != type || nd->option_size != 1) return ENFORCER_DROP_ND_SPOOF;
  return same_mac(nd->option_mac, mac) ? FITS : ENFORCER_DROP_ND_SPOOF;
}

static __always_inline int check_nd_from_guest(struct frame* f) {
  const struct enforcer_guest* guest = f->guest;
  const __be32* source = f->tuple.ipv6.saddr;
  if (f->hop_limit != ND_HOP_LIMIT || is_unspecified(source) || !same_ipv6(source, guest->guest_ipv6))
    return ENFORCER_DROP_ND_SPOOF;
  const struct nd_message* nd = pull_l4(f, ND_BARE_SIZE);
  if (!nd || nd->code) return ENFORCER_DROP_ND_SPOOF;

  if (nd->type == ND_SOLICITATION) {
    if (!same_ipv6(nd->target, guest->gateway_ipv6)) return ENFORCER_DROP_ND_SPOOF;
    if (!solicits(f, guest->gateway_ipv6)) return ENFORCER_DROP_ND_SPOOF;
    return check_nd_option(f, 1, guest->guest_mac);
  }
  if (nd->type == ND_ADVERTISEMENT) {
    if (f->to_group || !same_ipv6(f->tuple.ipv6.daddr, guest->gateway_ipv6)) return ENFORCER_DROP_ND_SPOOF;
    if (!(nd->flags & bpf_htonl(ND_SOLICITED))) return ENFORCER_DROP_ND_SPOOF;
    if (!same_ipv6(nd->target, guest->guest_ipv6)) return ENFORCER_DROP_ND_SPOOF;
    return check_nd_option(f, 2, guest->guest_mac);
  }
  return ENFORCER_DROP_ND_SPOOF;
}

static __always_inline int check_nd_to_guest(struct frame* f) {
  const struct enforcer_guest* guest = f->guest;
  if (f->hop_limit != ND_HOP_LIMIT || !same_ipv6(f->tuple.ipv6.saddr, guest->gateway_ipv6))
    return ENFORCER_DROP_INGRESS_FOREIGN;
  const struct nd_message* nd = pull_l4(f, ND_BARE_SIZE);
  if (!nd) return ENFORCER_DROP_INGRESS_FOREIGN;

  if (nd->type == ND_SOLICITATION && same_ipv6(nd->target, guest->guest_ipv6) && solicits(f, guest->guest_ipv6))
    return FITS;
  if (nd->type == ND_ADVERTISEMENT && same_ipv6(nd->target, guest->gateway_ipv6) && !f->to_group &&
      same_ipv6(f->tuple.ipv6.daddr, guest->guest_ipv6))
    return FITS;
  return ENFORCER_DROP_INGRESS_FOREIGN;
}

#endif
