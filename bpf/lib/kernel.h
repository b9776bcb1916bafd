/* The kernel's and libbpf's headers for BPF programs. UAPI headers are enough: no program depends on a kernel's
 * internal structures, so none has to be relocated to the running kernel.
 *
 * libbpf's headers come last, because they expect the types of <linux/bpf.h> to be there already.
 */
#ifndef ENFORCER_BPF_LIB_KERNEL_H
#define ENFORCER_BPF_LIB_KERNEL_H

/* clang-format off */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#endif
