/* Saying no at once: the guest gets an ICMP "administratively prohibited" instead of a timeout (IPv4: EHOSTUNREACH,
 * IPv6: EACCES), so that QUIC falls back to TCP in microseconds.
 *
 * The frame itself becomes the answer: cut behind the first 8 bytes of its transport header, the new IP and ICMP
 * headers put in front, sent back where it came from. It carries the guest's mark, by which guest_ingress knows it.
 *
 * The trap: an skb whose checksum was left to the device (CHECKSUM_PARTIAL) still is one, and still points at what is
 * now the *quoted* UDP header. Whoever finishes that checksum later changes bytes that our ICMP checksum covers. So the
 * quoted checksum is set to its fixed point: the value f that finishing puts there again, f = ~(S + f) in
 * one's-complement arithmetic, with S the sum of the other words. Hence 2f = ~S, and half of x is x * 32768 mod 65535.
 *
 * Answers come out of a token bucket per guest: a guest that floods gets silence, and spends only its own budget.
 */
#ifndef ENFORCER_BPF_LIB_REJECT_H
#define ENFORCER_BPF_LIB_REJECT_H

#include "budget.h"
#include "drop.h"
#include "identity.h"

#define ANSWER_TTL 64
#define IPV4_DONT_FRAGMENT 0x4000
#define ICMP_CODE_PROHIBITED 13  /* of ICMP_UNREACHABLE, RFC 1812 §5.2.7.1 */
#define ICMPV6_CODE_PROHIBITED 1 /* of ICMPV6_UNREACHABLE, RFC 4443 §3.1 */

/* The head of an ICMP or ICMPv6 "unreachable" message; the quoted packet follows. */
struct icmp_unreachable {
  __u8 type, code;
  __u16 checksum;
  __u32 unused;
};

/* One's-complement sum folded to 16 bits. */
static __always_inline __u16 fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static __always_inline void fix_quoted_checksum(struct udphdr* udp) {
  __u32 rest = fold((__u64)udp->source + udp->dest + udp->len);
  __u16 half = (0xffff - rest) * 32768u % 65535u;
  udp->check = half ? half : 0xffff; /* 0 and 0xffff are equal sums, and finishing never writes 0 (RFC 768) */
}

static __always_inline void swap_macs(const struct frame* f, struct ethhdr* eth) {
  __builtin_memcpy(eth->h_dest, f->guest->guest_mac, ETH_ALEN);
  __builtin_memcpy(eth->h_source, f->guest->gateway_mac, ETH_ALEN);
  eth->h_proto = bpf_htons(f->ethertype);
}

/* Cuts the frame to `kept` bytes and opens `room` bytes behind the Ethernet header. */
static __always_inline int make_room(struct __sk_buff* skb, __u32 kept, __u32 room) {
  if (bpf_skb_change_tail(skb, kept, 0)) return -1;
  return bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, 0);
}

static __always_inline int answer_ipv4(struct frame* f) {
  struct {
    struct icmp_unreachable icmp;
    struct iphdr ip;
    struct udphdr udp; /* or the first 8 bytes of an ICMP message */
  } message = {.icmp = {.type = ICMP_UNREACHABLE, .code = ICMP_CODE_PROHIBITED}};
  struct {
    struct ethhdr eth;
    struct iphdr ip;
  } __attribute__((packed, aligned(2))) header = {};
  struct iphdr ip = {.version = 4, .ihl = 5, .ttl = ANSWER_TTL, .protocol = IPPROTO_ICMP};

  if (bpf_skb_load_bytes(f->skb, ETH_HLEN, &message.ip, IPV4_HEADER_SIZE + L4_MIN_SIZE)) return -1;
  if (f->protocol == IPPROTO_UDP) fix_quoted_checksum(&message.udp);
  message.icmp.checksum = ~fold(bpf_csum_diff(0, 0, (void*)&message, sizeof(message), 0));

  swap_macs(f, &header.eth);
  ip.tot_len = bpf_htons(IPV4_HEADER_SIZE + sizeof(message));
  ip.frag_off = bpf_htons(IPV4_DONT_FRAGMENT);
  ip.saddr = f->guest->gateway_ipv4;
  ip.daddr = f->guest->guest_ipv4;
  ip.check = ~fold(bpf_csum_diff(0, 0, (void*)&ip, sizeof(ip), 0));
  __builtin_memcpy(&header.ip, &ip, sizeof(ip));

  if (make_room(f->skb, ETH_HLEN + IPV4_HEADER_SIZE + L4_MIN_SIZE, IPV4_HEADER_SIZE + L4_MIN_SIZE)) return -1;
  if (bpf_skb_store_bytes(f->skb, 0, &header, sizeof(header), 0)) return -1;
  return bpf_skb_store_bytes(f->skb, sizeof(header), &message, sizeof(message), 0);
}

static __always_inline int answer_ipv6(struct frame* f) {
  struct {
    struct icmp_unreachable icmp;
    struct ipv6hdr ip;
    struct udphdr udp;
  } message = {.icmp = {.type = ICMPV6_UNREACHABLE, .code = ICMPV6_CODE_PROHIBITED}};
  struct {
    struct ethhdr eth;
    struct ipv6hdr ip;
  } __attribute__((packed, aligned(2))) header = {};
  struct {
    __u8 source[16], destination[16];
    __be32 size, protocol;
  } pseudo = {.size = bpf_htonl(sizeof(message)), .protocol = bpf_htonl(IPPROTO_ICMPV6)};

  if (bpf_skb_load_bytes(f->skb, ETH_HLEN, &message.ip, IPV6_HEADER_SIZE + L4_MIN_SIZE)) return -1;
  if (f->protocol == IPPROTO_UDP) fix_quoted_checksum(&message.udp);
  __builtin_memcpy(pseudo.source, f->guest->gateway_ipv6, sizeof(pseudo.source));
  __builtin_memcpy(pseudo.destination, f->guest->guest_ipv6, sizeof(pseudo.destination));
  __s64 sum = bpf_csum_diff(0, 0, (void*)&pseudo, sizeof(pseudo), 0);
  message.icmp.checksum = ~fold(bpf_csum_diff(0, 0, (void*)&message, sizeof(message), sum));

  swap_macs(f, &header.eth);
  header.ip.version = 6;
  header.ip.payload_len = bpf_htons(sizeof(message));
  header.ip.nexthdr = IPPROTO_ICMPV6;
  header.ip.hop_limit = ANSWER_TTL;
  __builtin_memcpy(&header.ip.saddr, pseudo.source, sizeof(pseudo.source));
  __builtin_memcpy(&header.ip.daddr, pseudo.destination, sizeof(pseudo.destination));

  if (make_room(f->skb, ETH_HLEN + IPV6_HEADER_SIZE + L4_MIN_SIZE, IPV6_HEADER_SIZE + L4_MIN_SIZE)) return -1;
  if (bpf_skb_store_bytes(f->skb, 0, &header, sizeof(header), 0)) return -1;
  return bpf_skb_store_bytes(f->skb, sizeof(header), &message, sizeof(message), 0);
}

/* Answers if the budget allows it; in any case the frame goes no further. */
static __always_inline int reject(struct frame* f, int reason) {
  if (!may_answer(f)) return drop(f, reason);
  if (f->ethertype == ETH_P_IP ? answer_ipv4(f) : answer_ipv6(f)) return drop(f, reason);
  count_reason(f, reason);
  count_verdict(f, ENFORCER_VERDICT_REJECTED);
  return bpf_redirect(f->skb->ifindex, 0);
}

#endif
