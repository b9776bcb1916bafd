"""The proxies that are measured. All get the same list of names and decide by the ClientHello's before anything is dialled; where TLS is
terminated, they verify the origin and add a header, unless their file says otherwise. One worker each.

direct     no proxy: the kernel forwards. What is `added` to a latency is above this one
floor      the least that splicing in user space can cost (tests/bench/floor.cc): no policy but a hash of names, no log, no counters
enforcer   as it is installed: policy, audit log and counters are on, limits are out of the way
haproxy    what transparent filtering looks like without Enforcer, tuned; it splices. What ratios are to
haproxy-log    the same, which writes a line for each connection or request into a file
nginx, squid, mitmproxy, sslsplit    what else is used for it
"""

from peers.direct import DirectPeer
from peers.enforcer import EnforcerPeer
from peers.floor import FloorPeer
from peers.haproxy import HaproxyPeer, LoggingHaproxyPeer
from peers.mitmproxy import MitmproxyPeer
from peers.nginx import NginxPeer
from peers.squid import SquidPeer
from peers.sslsplit import SslsplitPeer

PEERS = {"direct": DirectPeer, "floor": FloorPeer, "enforcer": EnforcerPeer, "haproxy": HaproxyPeer, "haproxy-log": LoggingHaproxyPeer,
         "nginx": NginxPeer, "squid": SquidPeer, "mitmproxy": MitmproxyPeer, "sslsplit": SslsplitPeer}
