/* Multicast listener reports (MLDv2, RFC 3810): every kernel sends a few when a link comes up or an address is added,
 * whoever runs on it, and no setting keeps it from that. Nobody needs them here, so they are dropped like everything
 * that is not needed; under a reason of their own, so that the log can tell a kernel that says hello from a guest that
 * tries something.
 *
 * Only what a kernel sends counts as one. Whoever forges one has been dropped all the same.
 */
#ifndef ENFORCER_BPF_LIB_MULTICAST_H
#define ENFORCER_BPF_LIB_MULTICAST_H

#include "parse.h"

#define MLD_REPORT 143
#define MLD_HOP_LIMIT 1 /* RFC 3810 §5: with the router alert option, and from :: or a link-local address */

struct mld_report {
  struct ipv6hdr ip;
  __u8 next_header, extension_size; /* the hop-by-hop header, eight bytes in all (size 0) */
  __be16 alert_option;              /* type 5, two bytes long (RFC 2711 §2.1) */
  __be16 alert_value;               /* 0: MLD */
  __be16 padding;                   /* PadN of no bytes */
  __u8 type, code;
};

/* A frame whose extension headers made it unfit: is it a report to "all MLDv2 routers", ff02::16? */
static __always_inline int is_listener_report(const struct frame* f) {
  const void* data = pull(f->skb, ETH_HLEN + sizeof(struct mld_report));
  if (!data) return 0;
  const struct ethhdr* eth = data;
  const struct mld_report* report = data + ETH_HLEN;
  const __be32* to = report->ip.daddr.s6_addr32;
  const __be32* from = report->ip.saddr.s6_addr32;
  if (eth->h_proto != bpf_htons(ETH_P_IPV6) || report->ip.nexthdr != 0 || report->ip.hop_limit != MLD_HOP_LIMIT)
    return 0;
  if (eth->h_dest[0] != 0x33 || eth->h_dest[1] != 0x33 || eth->h_dest[2] || eth->h_dest[3] || eth->h_dest[4] ||
      eth->h_dest[5] != 0x16)
    return 0;
  if (to[0] != bpf_htonl(0xff020000) || to[1] || to[2] || to[3] != bpf_htonl(0x16)) return 0;
  if ((from[0] | from[1] | from[2] | from[3]) && bpf_ntohl(from[0]) >> 22 != 0xfe80 >> 6) return 0;
  return report->next_header == IPPROTO_ICMPV6 && !report->extension_size &&
         report->alert_option == bpf_htons(0x0502) && !report->alert_value && report->padding == bpf_htons(0x0100) &&
         report->type == MLD_REPORT && !report->code;
}

#endif
