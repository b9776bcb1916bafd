"""squid: peeks at the ClientHello, then splices, or bumps with certificates that a second process makes like the origin's."""

import contextlib
import glob
import os
import shutil
import subprocess

from peers.redirected import PORT, RedirectedPeer
from topology import HEADER

CERTIFICATES = "/usr/lib/squid/security_file_certgen"
CONFIGURATION = """http_port 127.0.0.1:3128
https_port {port} intercept ssl-bump generate-host-certificates=on dynamic_cert_mem_cache_size=64MB tls-cert={authority} tls-key={key}
sslcrtd_program {program} -s {folder}/minted -M 64MB
sslcrtd_children 2 startup=2 idle=1
acl hello at_step SslBump1
acl listed ssl::server_name "{names}"
ssl_bump peek hello
ssl_bump {what} listed
ssl_bump terminate all
http_access allow all
hosts_file {hosts}
dns_nameservers 127.0.0.1
tls_outgoing_options cafile={authority}
request_header_add {header} "{value}" all
cache deny all
cache_mem 16 MB
access_log none
cache_log {folder}/squid.log
cache_store_log none
pid_filename none
pinger_enable off
shutdown_lifetime 0 seconds
max_filedescriptors {files}
client_idle_pconn_timeout 5 minutes
server_idle_pconn_timeout 5 minutes
visible_hostname bench
netdb_filename none
coredump_dir none
"""


class SquidPeer(RedirectedPeer):
    NEEDS = ["/usr/sbin/squid", CERTIFICATES]
    CANNOT = {"W3h2": "no HTTP/2"}

    def command(self):
        minted = f"{self.folder}/minted"
        subprocess.run([CERTIFICATES, "-c", "-s", minted, "-M", "64MB"], check=True, capture_output=True)
        subprocess.run(["chown", "-R", "proxy", minted], check=True)  # the user that squid becomes
        log = self.write("squid.log", "")
        shutil.chown(log, "proxy")
        text = CONFIGURATION.format(
            port=PORT, authority=self.authority, key=self.pki.authority_key, program=CERTIFICATES, folder=self.folder, names=self.name_file,
            what="splice" if self.kind == "raw" else "bump", hosts=self.hosts, header=HEADER, value=self.value, files=self.FILES)
        return ["squid", "-N", "-n", self.lab.prefix, "-f", self.write("squid.conf", text)]

    def __exit__(self, *why):
        super().__exit__(*why)
        for path in glob.glob(f"/dev/shm/{self.lab.prefix}-*"):  # nobody else removes these when squid was killed
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
