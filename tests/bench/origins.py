"""Origins for the names, on the ends' processor.

raw  answers a real ClientHello with a real ServerHello and as many octets as the hello orders (bench_origin): no cryptography
tls  nginx, TLS 1.3, HTTP/1.1 and mostly HTTP/2, 1 KiB for GET / with the header that the proxy must add, 403 without it; each name of
     `certificates` has one of its own
"""

import os

from lib.processes import wait_for

CONFIGURATION = """
daemon off; master_process off; user root; worker_rlimit_nofile {files}; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections {connections}; }}
http {{
  access_log off; keepalive_timeout 300s; keepalive_requests 100000000; tcp_nodelay on;
  client_body_temp_path {folder}/none; proxy_temp_path {folder}/none; fastcgi_temp_path {folder}/none;
  scgi_temp_path {folder}/none; uwsgi_temp_path {folder}/none;
  server_names_hash_max_size 8192; server_names_hash_bucket_size 128;
  ssl_protocols TLSv1.3; ssl_certificate_key {key}; ssl_session_cache shared:s:10m;
  map $http_{header} $right {{ "{value}" 1; default 0; }}
  server {{
    listen 443 ssl {also} backlog=4096 default_server; ssl_certificate {chain};
    location / {{ if ($right = 0) {{ return 403; }} return 200 "{body}"; }}
  }}
{more}}}
"""
ONE_MORE = """  server {{ listen 443 ssl {also}; server_name {name}; ssl_certificate {chain};
    location / {{ if ($right = 0) {{ return 403; }} return 200 "{body}"; }} }}
"""
BODY = "x" * 1024


def start_raw(topology):
    origin = topology.start_end("origin", [f"{topology.build}/tests/bench/bench_origin", "443"])
    wait_for(lambda: "ready" in origin.output(), what="the origin")


def start_tls(topology, header, value, certificates, also):
    """certificates: {name: file} of the names that have one of their own. also: "http2", or "" for HTTP/1.1 alone."""
    folder = f"{topology.folder}/nginx-origin"
    os.makedirs(folder)
    more = "".join(ONE_MORE.format(name=name, chain=chain, body=BODY, also=also) for name, chain in certificates.items())
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(CONFIGURATION.format(
            folder=folder, files=topology.FILES, connections=topology.FILES - 100, chain=topology.pki.chain, key=topology.pki.key,
            header=header.lower().replace("-", "_"), value=value, body=BODY, more=more, also=also))
    origin = topology.start_end("origin", ["nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"])

    def listens():
        if not origin.alive():
            raise RuntimeError(f"the origin ended:\n{origin.output()}")
        with topology.lab.world.netns.socket() as probe:
            return probe.connect_ex(("127.0.0.1", 443)) == 0
    wait_for(listens, what="the origin")
