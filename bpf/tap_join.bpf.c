/* tap_join: a microVM's tap and the inner end of its veth, joined in the guest's own namespace without a bridge, so
 * that there is no forwarding table to poison and no stack to reach. Nothing is judged here: guest_egress runs on the
 * far end of the veth, also after bpf_redirect_peer.
 *
 * Both interface indexes are fixed when hostd makes the links (abi.h). A tap has no peer, hence the plain redirect
 * back. Offloads stay on: unfinished checksums and segments cross both ways.
 */
#include "abi.h"
#include "lib/kernel.h"

/* On tc ingress of the tap: what the microVM sends. */
SEC("tc")
int tap_to_eth(struct __sk_buff* skb) {
  (void)skb;
  return bpf_redirect_peer(ENFORCER_ETH_IFINDEX, 0);
}

/* On tc ingress of the veth's inner end: what is sent to the microVM. */
SEC("tc")
int eth_to_tap(struct __sk_buff* skb) {
  (void)skb;
  return bpf_redirect(ENFORCER_TAP_IFINDEX, 0);
}

char _license[] SEC("license") = "GPL";
