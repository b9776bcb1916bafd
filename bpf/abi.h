/* The contract between the BPF programs and userspace: map keys and values, the packet mark, verdicts and drop reasons.
 * Read by both compilers; a change here is a change of ENFORCER_ABI_VERSION, and hostd refuses maps that another
 * version has pinned.
 *
 * Byte order: every address and port in these structures is in network byte order, every other field in host order.
 */
#ifndef ENFORCER_BPF_ABI_H
#define ENFORCER_BPF_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define ENFORCER_STATIC_ASSERT static_assert
#else
#define ENFORCER_STATIC_ASSERT _Static_assert
#endif

#define ENFORCER_ABI_VERSION 3

/* skb->mark of a packet that guest_egress steered: the magic in the top octet, the guest's slot below it. The nft guard
 * of the gateway namespace drops what carries no magic; accepted sockets inherit the mark (tcp_fwmark_accept). */
#define ENFORCER_MARK_MAGIC 0x77000000u
#define ENFORCER_MARK_MASK 0xff000000u
#define ENFORCER_SLOT_MASK 0x00ffffffu

/* Interface indexes inside a microVM's namespace, requested when the links are made, so that tap_join needs no map.
 * The first ones may be taken: some modules make a device of theirs in every namespace. */
#define ENFORCER_ETH_IFINDEX 1000
#define ENFORCER_TAP_IFINDEX 1001

#define ENFORCER_MAX_WORKERS 64
#define ENFORCER_MAX_GUESTS 4096

/* ICMP answers to one guest. */
#define ENFORCER_ANSWERS_AT_ONCE 64
#define ENFORCER_ANSWERS_PER_SECOND 100

/* Why a packet was dropped. One line: NAME, the metric label, what it means. The label is also the row of
 * bpf/README.md. */
#define ENFORCER_DROP_REASONS(X)                                                                                    \
  X(UNKNOWN_GUEST, "unknown_guest", "the interface belongs to no attached guest")                                   \
  X(L2_SHORT, "l2_short", "shorter than its own headers, or its headers cannot be pulled")                          \
  X(L2_VLAN, "l2_vlan", "VLAN tag, in the packet or in its metadata")                                               \
  X(L2_LLC, "l2_llc", "802.3 length instead of an EtherType")                                                       \
  X(L2_ETHERTYPE, "l2_ethertype", "EtherType other than IPv4, IPv6 and ARP")                                        \
  X(L2_SRCMAC, "l2_srcmac", "source MAC is not the guest's")                                                        \
  X(L2_DSTMAC, "l2_dstmac", "destination MAC is not the gateway's")                                                 \
  X(ARP_SPOOF, "arp_spoof", "ARP other than a request for the gateway from the guest's own pair")                   \
  X(ND_SPOOF, "nd_spoof", "neighbour discovery other than a solicitation or a unicast reply for the gateway")       \
  X(IP_VER, "ip_ver", "IP version, header length or total length does not fit")                                     \
  X(IP_OPTS, "ip_opts", "IPv4 options or IPv6 extension headers")                                                   \
  X(MLD, "mld", "multicast listener report, as every kernel sends them when a link comes up")                       \
  X(IP_FRAG, "ip_frag", "fragment")                                                                                 \
  X(IP_SRC_SPOOF, "ip_src_spoof", "source address is not the guest's")                                              \
  X(IP_DST_LOCAL, "ip_dst_local", "loopback, unspecified, broadcast or link-local destination")                     \
  X(IP_MCAST, "ip_mcast", "multicast destination")                                                                  \
  X(IP_PROTO, "ip_proto", "protocol other than TCP, UDP and ICMP")                                                  \
  X(ICMP, "icmp", "ICMP, answered with administratively prohibited")                                                \
  X(UDP_PORT, "udp_port", "UDP other than port 53, answered with administratively prohibited")                      \
  X(TCP_BAD, "tcp_bad", "TCP header or flags that no client sends")                                                 \
  X(CONNECT_RATE, "connect_rate", "more packets a second that belong to no connection yet than the guest may send") \
  X(QUERY_RATE, "query_rate", "more DNS datagrams a second than the guest may send")                                \
  X(NO_LISTENER, "no_listener", "no listener: enforcerd is not there")                                              \
  X(SK_ASSIGN_FAIL, "sk_assign_fail", "the kernel refused to hand the packet to the socket")                        \
  X(INGRESS_FOREIGN, "ingress_foreign", "towards the guest, but not from a socket of ours")                         \
  X(MAP_FAIL, "map_fail", "a map of ours could not be read or written")

enum enforcer_drop_reason {
#define X(name, label, text) ENFORCER_DROP_##name,
  ENFORCER_DROP_REASONS(X)
#undef X
      ENFORCER_DROP_REASON_COUNT
};

/* What became of a packet; DROPPED and REJECTED packets also count under their reason. */
#define ENFORCER_VERDICTS(X)                                            \
  X(STEERED, "steered", "handed to a socket of enforcerd")              \
  X(NEIGHBOUR, "neighbour", "ARP or ND for the gateway, let through")   \
  X(DELIVERED, "delivered", "from a socket of ours, towards the guest") \
  X(REJECTED, "rejected", "dropped, and answered with ICMP")            \
  X(DROPPED, "dropped", "dropped in silence")

enum enforcer_verdict {
#define X(name, label, text) ENFORCER_VERDICT_##name,
  ENFORCER_VERDICTS(X)
#undef X
      ENFORCER_VERDICT_COUNT
};

/* Map "guests" (hash): __u32 ifindex of the host end of the guest's veth -> who that is. Written by hostd only. */
struct enforcer_guest {
  __u32 slot;         /* 1-0xffffff */
  __u32 gateway_ipv4; /* the address the guest knows its gateway by */
  __u32 guest_ipv4;
  __u8 guest_mac[6];
  __u8 gateway_mac[6];
  __u8 guest_ipv6[16];
  __u8 gateway_ipv6[16];
  __u32 connects_per_second; /* packets of no connection yet, as many at once; beyond them is `connect_rate` */
  __u32 queries_per_second;  /* datagrams to port 53, as many at once; beyond them is `query_rate` */
};

/* Map "counters" (per-CPU hash): __u32 slot -> counts since the guest was attached. Slot 0 takes what belongs to
 * nobody. Every frame that reaches guest_egress or guest_ingress adds one to exactly one verdict. */
struct enforcer_counters {
  __u64 drops[ENFORCER_DROP_REASON_COUNT]; /* packets, rejected ones included */
  __u64 verdicts[ENFORCER_VERDICT_COUNT];  /* packets */
  __u64 egress_bytes;                      /* bytes of every frame seen from the guest */
  __u64 ingress_bytes;                     /* bytes of every frame delivered to the guest */
};

/* A token bucket. */
struct enforcer_budget {
  __u64 refilled_ns; /* bpf_ktime_get_ns() of the last refill */
  __u64 tokens;
};

/* Map "budgets" (hash): __u32 slot -> what the guest may still make us do. */
struct enforcer_budgets {
  struct enforcer_budget answers;
  struct enforcer_budget connects;
  struct enforcer_budget queries;
};

/* Map "listeners" (sockmap): worker number -> its transparent listener, at most ENFORCER_MAX_WORKERS.
 * Map "dns_socket" (sockmap): 0 -> the UDP socket on port 53.
 * Map "steering" (array of one): how many listeners are in use; 0 until enforcerd said that it is ready. */
struct enforcer_steering {
  __u32 workers;
};

ENFORCER_STATIC_ASSERT(sizeof(struct enforcer_guest) == 64, "no hidden padding in enforcer_guest");
ENFORCER_STATIC_ASSERT(sizeof(struct enforcer_counters) ==
                           8 * ((int)ENFORCER_DROP_REASON_COUNT + (int)ENFORCER_VERDICT_COUNT + 2),
                       "no hidden padding in enforcer_counters");
ENFORCER_STATIC_ASSERT(sizeof(struct enforcer_budgets) == 48, "no hidden padding in enforcer_budgets");
ENFORCER_STATIC_ASSERT(sizeof(struct enforcer_steering) == 4, "no hidden padding in enforcer_steering");

#endif
