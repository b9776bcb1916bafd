"""haproxy, tuned: it dials the original destination, splices with large pipes (the default copies, at a quarter of the speed), finds
names in a tree (`-i` would try one after the other), and keeps and resumes sessions of TLS. It cannot make certificates without losing
the connection that asked for one, so it has one for all names. By itself it writes nothing down; `LoggingHaproxyPeer` has it write the line
that it has for each connection and each request, so that both do that."""

from peers.redirected import PORT, RedirectedPeer
from topology import HEADER

COMMON = """global
  maxconn 7000
  nbthread 1
  tune.pipesize 1048576
  tune.ssl.cachesize 20000
  ssl-server-verify required
defaults
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-request 10s
  timeout http-keep-alive 300s
"""
LOG = """  log stdout format raw local0
  option {log}
"""
RAW = """  mode tcp
  option splice-request
  option splice-response
frontend in
  bind 0.0.0.0:{port}
  tcp-request inspect-delay 5s
  tcp-request content reject if {{ req.ssl_hello_type 1 }} !{{ req.ssl_sni,lower -f {names} }}
  tcp-request content accept if {{ req.ssl_hello_type 1 }}
  tcp-request content reject
  default_backend out
backend out
  server original 0.0.0.0:0
"""
TLS = """  mode http
frontend in
  bind 0.0.0.0:{port} ssl crt {both} alpn h2,http/1.1 ssl-min-ver TLSv1.3
  http-request deny unless {{ ssl_fc_sni,lower -f {names} }}
  http-request set-header {header} {value}
  default_backend out
backend out
  http-reuse safe
  server original 0.0.0.0:0 ssl verify required ca-file {authority} sni ssl_fc_sni alpn http/1.1 ssl-min-ver TLSv1.3
"""


class HaproxyPeer(RedirectedPeer):
    NEEDS = ["/usr/sbin/haproxy"]
    LOG = ""

    def command(self):
        text = (COMMON + self.LOG + (RAW if self.kind == "raw" else TLS)).format(
            log="tcplog" if self.kind == "raw" else "httplog", port=PORT, names=self.name_file, both=self.pki.both, header=HEADER, value=self.value, authority=self.authority)
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", text)]


class LoggingHaproxyPeer(HaproxyPeer):
    LOG = LOG
