"""OpenSSH through a rule `protocol: tcp`: relayed without a look."""

import random

from lib.clients import Clients, digest
from lib.expect import equal
from lib.lab import Lab, policy
from lib.ssh_server import SshServer


def test_ssh_through_a_tcp_rule():
    with Lab(policy("ssh.test:22 tcp", "web.test")) as lab:
        clients, server = Clients(lab), SshServer(lab)
        ssh = server.client(clients.folder, "ssh.test")
        equal(clients.ok(*ssh, "echo $((6 * 7)); exec sed s/in/out/", input="in\n"), "42\nout\n")
        path = clients.path("large", random.Random(6).randbytes(16 << 20))
        there = f"{server.folder}/copy"
        with open(path, "rb") as file:
            clients.ok(*ssh, f"cat >{there}", stdin=file)
        equal(digest(there), digest(path), "up")
        clients.ok("sh", "-c", 'exec "$@" >down', "sh", *ssh, f"exec cat {there}")
        equal(digest(clients.path("down")), digest(path), "down")
        lab.enforcer.wait_record(type="decision", decision="allow", layer="l4", host="ssh.test")

        refused = clients.run(*server.client(clients.folder, "web.test", "-o", "ConnectTimeout=20"), "true")  # sshd is there, too
        equal(refused.returncode, 255, refused.stderr)
        lab.enforcer.wait_record(type="decision", decision="deny", host="web.test")
        equal(server.visitors(), 3, "connections that sshd has seen")
