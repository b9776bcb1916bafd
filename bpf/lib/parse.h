/* What is known about one frame, and the code that finds it out.
 *
 * Every header is pulled into the linear area before it is read, never copied out of a fragment: a guest with a packet
 * ring (PACKET_TX_RING) can still be writing the page behind a fragment, and what we judged must be what the kernel
 * uses afterwards. Pulling invalidates packet pointers, so no pointer into the packet outlives the function that made
 * it; what later steps need is stored in struct frame.
 *
 * Checks return FITS or the reason for the drop.
 */
#ifndef ENFORCER_BPF_LIB_PARSE_H
#define ENFORCER_BPF_LIB_PARSE_H

#include "abi.h"
#include "kernel.h"

#define FITS (-1)

#define IPV4_HEADER_SIZE 20
#define IPV6_HEADER_SIZE 40
#define TCP_HEADER_SIZE 20
#define L4_MIN_SIZE 8 /* UDP, ICMP and ICMPv6 headers; also what an ICMP error quotes of a transport header */

#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK 0x1fff

/* <linux/icmp.h> and <linux/icmpv6.h> need the C library. */
#define ICMP_UNREACHABLE 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_REQUEST_BIT 0x80 /* errors have it clear (RFC 4443 §2.1) */

#define DNS_PORT 53

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct frame {
  struct __sk_buff* skb;
  const struct enforcer_guest* guest; /* not null once identify() says FITS */
  struct enforcer_counters* counters; /* of the guest, or of slot 0; null only if hostd made neither */
  __u16 ethertype;                    /* host order */
  __u16 l4_size;                      /* of the transport header and data, as the IP header says; all there */
  __u8 source_mac[ETH_ALEN];
  __u8 destination_mac[ETH_ALEN];
  __u8 to_group; /* the destination MAC is broadcast or multicast */
  __u8 protocol;
  __u8 hop_limit;
  __u8 tcp_flags;
  struct bpf_sock_tuple tuple; /* addresses and ports, laid out as the socket lookups want them */
};

/* skb->data and skb->data_end as pointers. In C they are 32-bit fields, and the compiler, reusing an earlier load,
 * would widen one with a move that makes the verifier forget what it points to. */
static __always_inline void* frame_start(struct __sk_buff* skb) {
  void* pointer;
  asm volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(pointer) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, data)));
  return pointer;
}

static __always_inline void* frame_end(struct __sk_buff* skb) {
  void* pointer;
  asm volatile("%0 = *(u32 *)(%1 + %2)"
               : "=r"(pointer)
               : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, data_end)));
  return pointer;
}

/* The start of the frame with at least `size` bytes of it in the linear area, or null. */
static __always_inline void* pull(struct __sk_buff* skb, __u32 size) {
  void* data = frame_start(skb);
  if (data + size <= frame_end(skb)) return data;
  if (bpf_skb_pull_data(skb, size)) return 0;
  data = frame_start(skb);
  return data + size <= frame_end(skb) ? data : 0;
}

static __always_inline int parse_ethernet(struct frame* f) {
  const struct ethhdr* eth = pull(f->skb, ETH_HLEN);
  if (!eth) return ENFORCER_DROP_L2_SHORT;
  f->ethertype = bpf_ntohs(eth->h_proto);
  __builtin_memcpy(f->source_mac, eth->h_source, ETH_ALEN);
  __builtin_memcpy(f->destination_mac, eth->h_dest, ETH_ALEN);
  f->to_group = eth->h_dest[0] & 1;

  /* The kernel moves an outer tag into metadata before tc runs: bytes that look like plain IPv4 may belong to a VLAN.
   */
  if (f->skb->vlan_present) return ENFORCER_DROP_L2_VLAN;
  switch (f->ethertype) {
    case ETH_P_8021Q:
    case ETH_P_8021AD:
    case ETH_P_QINQ1:
    case ETH_P_QINQ2:
    case ETH_P_QINQ3:
      return ENFORCER_DROP_L2_VLAN;
    default:
      break;
  }
  /* LLC/SNAP can carry IP and router advertisements past a filter that looks at EtherTypes (CVE-2021-27853). */
  if (f->ethertype < ETH_P_802_3_MIN) return ENFORCER_DROP_L2_LLC;
  return FITS;
}

static __always_inline int parse_ipv4(struct frame* f) {
  const void* data = pull(f->skb, ETH_HLEN + IPV4_HEADER_SIZE);
  if (!data) return ENFORCER_DROP_L2_SHORT;
  const struct iphdr* ip = data + ETH_HLEN;
  __u32 total = bpf_ntohs(ip->tot_len);
  if (ip->version != 4 || ip->ihl < 5) return ENFORCER_DROP_IP_VER;
  if (total < ip->ihl * 4u || total + ETH_HLEN > f->skb->len) return ENFORCER_DROP_IP_VER;
  /* tc runs before reassembly: later fragments have no ports, and overlapping ones could rewrite those of the first. */
  if (bpf_ntohs(ip->frag_off) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) return ENFORCER_DROP_IP_FRAG;
  if (ip->ihl != 5) return ENFORCER_DROP_IP_OPTS;

  f->protocol = ip->protocol;
  f->hop_limit = ip->ttl;
  f->l4_size = total - IPV4_HEADER_SIZE;
  f->tuple.ipv4.saddr = ip->saddr;
  f->tuple.ipv4.daddr = ip->daddr;
  return FITS;
}

static __always_inline int parse_ipv6(struct frame* f) {
  const void* data = pull(f->skb, ETH_HLEN + IPV6_HEADER_SIZE);
  if (!data) return ENFORCER_DROP_L2_SHORT;
  const struct ipv6hdr* ip = data + ETH_HLEN;
  __u32 payload = bpf_ntohs(ip->payload_len);
  if (ip->version != 6) return ENFORCER_DROP_IP_VER;
  if (payload + IPV6_HEADER_SIZE + ETH_HLEN > f->skb->len) return ENFORCER_DROP_IP_VER;
  switch (ip->nexthdr) {
    case 44: /* fragment */
      return ENFORCER_DROP_IP_FRAG;
    case 0:   /* hop-by-hop options */
    case 43:  /* routing */
    case 60:  /* destination options */
    case 135: /* mobility */
    case 139: /* host identity */
    case 140: /* shim6 */
      return ENFORCER_DROP_IP_OPTS;
    default:
      break;
  }

  f->protocol = ip->nexthdr;
  f->hop_limit = ip->hop_limit;
  f->l4_size = payload;
  __builtin_memcpy(f->tuple.ipv6.saddr, &ip->saddr, sizeof(f->tuple.ipv6.saddr));
  __builtin_memcpy(f->tuple.ipv6.daddr, &ip->daddr, sizeof(f->tuple.ipv6.daddr));
  return FITS;
}

static __always_inline void set_ports(struct frame* f, __be16 source, __be16 destination) {
  if (f->ethertype == ETH_P_IP) {
    f->tuple.ipv4.sport = source;
    f->tuple.ipv4.dport = destination;
  } else {
    f->tuple.ipv6.sport = source;
    f->tuple.ipv6.dport = destination;
  }
}

static __always_inline __be16 source_port(const struct frame* f) {
  return f->ethertype == ETH_P_IP ? f->tuple.ipv4.sport : f->tuple.ipv6.sport;
}

static __always_inline __be16 destination_port(const struct frame* f) {
  return f->ethertype == ETH_P_IP ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
}

/* The transport header, `size` bytes of it, or null. The offset has two possible values; naming both lets every
 * kernel's verifier see constant bounds. */
static __always_inline const void* pull_l4(struct frame* f, __u32 size) {
  if (f->l4_size < size) return 0;
  if (f->ethertype == ETH_P_IP) {
    const void* data = pull(f->skb, ETH_HLEN + IPV4_HEADER_SIZE + size);
    return data ? data + ETH_HLEN + IPV4_HEADER_SIZE : 0;
  }
  const void* data = pull(f->skb, ETH_HLEN + IPV6_HEADER_SIZE + size);
  return data ? data + ETH_HLEN + IPV6_HEADER_SIZE : 0;
}

/* Flags that a client never sends: anything but SYN, ACK, FIN+ACK, RST and RST+ACK, with PSH, URG, ECE and CWR free.
 * SYN+ACK is among them: a guest only ever connects. */
static __always_inline int tcp_flags_fit(__u8 flags) {
  switch (flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) {
    case TCP_SYN:
    case TCP_ACK:
    case TCP_FIN | TCP_ACK:
    case TCP_RST:
    case TCP_RST | TCP_ACK:
      return 1;
    default:
      return 0;
  }
}

static __always_inline int parse_tcp(struct frame* f) {
  const struct tcphdr* tcp = pull_l4(f, TCP_HEADER_SIZE);
  if (!tcp) return ENFORCER_DROP_L2_SHORT;
  __u32 header_size = tcp->doff * 4u;
  if (header_size < TCP_HEADER_SIZE || header_size > f->l4_size) return ENFORCER_DROP_TCP_BAD;
  if (!tcp->source || !tcp->dest) return ENFORCER_DROP_TCP_BAD;
  set_ports(f, tcp->source, tcp->dest);
  f->tcp_flags = ((const __u8*)tcp)[13];
  return FITS;
}

static __always_inline int parse_udp(struct frame* f) {
  const struct udphdr* udp = pull_l4(f, L4_MIN_SIZE);
  if (!udp) return ENFORCER_DROP_L2_SHORT;
  __u32 size = bpf_ntohs(udp->len);
  if (size < L4_MIN_SIZE || size > f->l4_size) return ENFORCER_DROP_L2_SHORT;
  set_ports(f, udp->source, udp->dest);
  return FITS;
}

/* The type of an ICMP or ICMPv6 message, or -1 when it is too short to have one. */
static __always_inline int icmp_type(struct frame* f) {
  const __u8* icmp = pull_l4(f, L4_MIN_SIZE);
  return icmp ? icmp[0] : -1;
}

#endif
