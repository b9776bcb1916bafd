"""nginx: ssl_preread for what passes through, a reverse proxy with kept connections and resumed sessions for what is intercepted.

It cannot learn the original destination of a redirected connection, so names have their addresses from a table. Kept connections are
shared by all names: fine for a figure, wrong for a policy. It cannot make certificates and has one for all names."""

import os

from peers.redirected import PORT, RedirectedPeer
from topology import HEADER

STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
COMMON = """load_module {module};
daemon off; master_process off; user root; worker_rlimit_nofile {files}; pid {folder}/nginx.pid; error_log {folder}/nginx.log emerg;
events {{ worker_connections {connections}; }}
"""
RAW = """stream {{
  map_hash_max_size 524288; map_hash_bucket_size 128;
  map $ssl_preread_server_name $origin {{ include {folder}/map; default ""; }}
  server {{
    listen 0.0.0.0:{port} backlog=4096; ssl_preread on; proxy_pass $origin; proxy_timeout 300s; proxy_buffer_size 64k; tcp_nodelay on;
  }}
}}
"""
TLS = """http {{
  access_log off; keepalive_timeout 300s; keepalive_requests 100000000; tcp_nodelay on;
  client_body_temp_path {folder}/nginx; proxy_temp_path {folder}/nginx; fastcgi_temp_path {folder}/nginx;
  scgi_temp_path {folder}/nginx; uwsgi_temp_path {folder}/nginx;
  map_hash_max_size 65536; map_hash_bucket_size 128;
  map $ssl_server_name $listed {{ include {folder}/map; default ""; }}
  upstream origin {{ server {first}:443; keepalive 128; keepalive_requests 100000000; keepalive_timeout 300s; }}
  server {{
    listen 0.0.0.0:{port} ssl http2 backlog=4096; ssl_certificate {chain}; ssl_certificate_key {key};
    ssl_protocols TLSv1.3; ssl_session_cache shared:s:10m;
    location / {{
      if ($listed = "") {{ return 403; }}
      proxy_pass https://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header {header} "{value}";
      proxy_ssl_server_name on; proxy_ssl_name $ssl_server_name; proxy_ssl_verify on; proxy_ssl_verify_depth 2;
      proxy_ssl_trusted_certificate {authority}; proxy_ssl_protocols TLSv1.3; proxy_ssl_session_reuse on;
    }}
  }}
}}
"""


class NginxPeer(RedirectedPeer):
    NEEDS = ["/usr/sbin/nginx", STREAM_MODULE]

    def command(self):
        self.write("map", "".join(f"{name} {address}:443;\n" for name, address in self.addresses.items()))
        os.makedirs(f"{self.folder}/nginx")
        text = (COMMON + (RAW if self.kind == "raw" else TLS)).format(
            module=STREAM_MODULE, folder=self.folder, files=self.FILES, connections=self.FILES - 1000, port=PORT, chain=self.pki.chain,
            key=self.pki.key, authority=self.authority, header=HEADER, value=self.value, first=next(iter(self.addresses.values())))
        return ["nginx", "-c", self.write("nginx.conf", text), "-e", f"{self.folder}/nginx.log"]
