"""nginx in the world: TLS and HTTP/2 before names of the world, files below a folder (PUT writes them), servers of the world behind it."""

import json
import os
import ssl

from lib.processes import wait_for

_CONFIG = """
daemon off; master_process off; user root; worker_rlimit_nofile 16384;
pid {folder}/pid; error_log {folder}/error.log info;
events {{ worker_connections 8192; }}
http {{
  log_format line escape=json '{{"host":"$host","method":"$request_method","target":"$request_uri","protocol":"$server_protocol",'
                              '"status":$status,"agent":"$http_user_agent","encoding":"$http_transfer_encoding"}}';
  access_log {folder}/access.jsonl line;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/none;
  scgi_temp_path {folder}/none; uwsgi_temp_path {folder}/none;
  client_max_body_size 0; proxy_http_version 1.1; proxy_read_timeout 10m; keepalive_requests 100000;
  {servers}
}}
"""
_SERVER = """
  server {{
    server_name {name};
    {listens}
    ssl_certificate {chain}; ssl_certificate_key {key};
    {locations}
  }}
"""


class Nginx:
    """sites: {name of the world: {path prefix: folder, or "http://address:port" of a server in the world}}."""

    def __init__(self, lab, sites):
        self.lab = lab
        self.folder = f"{lab.folder}/nginx"
        os.makedirs(self.folder)
        with open(f"{self.folder}/nginx.conf", "w") as file:
            file.write(_CONFIG.format(folder=self.folder, servers="".join(self._server(*site) for site in sites.items())))
        self.process = lab.world.start_process(["nginx", "-c", f"{self.folder}/nginx.conf", "-e", f"{self.folder}/error.log"], "nginx.log")
        for name in sites:
            wait_for(lambda name=name: self._serves(name), what=f"nginx to serve {name}")

    def _server(self, name, places):
        chain, key, self.lab.world.fingerprints[name] = self.lab.world.authority.issue([name])
        addresses = [f"[{a}]" if ":" in a else a for a in self.lab.world.records[name]]
        locations = [f"location {path} {{ proxy_pass {place}; proxy_buffering off; proxy_set_header Host $host; "
                     "proxy_set_header X-Forwarded-Proto https; }"
                     if place.startswith("http:") else
                     f"location {path} {{ root {place}; dav_methods PUT; create_full_put_path on; }}" for path, place in places.items()]
        return _SERVER.format(name=name, chain=chain, key=key, locations="\n    ".join(locations),
                              listens="\n    ".join(f"listen {address}:443 ssl http2 backlog=4096;" for address in addresses))

    def _serves(self, name):
        assert self.process.alive(), self.process.output()
        context = ssl.create_default_context(cafile=self.lab.world.authority.certificate)
        try:
            with self.lab.world.netns.socket() as client:
                client.settimeout(10)
                client.connect((self.lab.world.records[name][0], 443))
                context.wrap_socket(client, server_hostname=name).close()
            return True
        except ConnectionRefusedError:
            return False

    def requests(self, **match):
        """What it has answered: requests(host="web.test", method="PUT")."""
        with open(f"{self.folder}/access.jsonl") as file:
            found = [json.loads(line) for line in file if line.endswith("\n")]
        return [r for r in found if all(r[key] == value for key, value in match.items())]
