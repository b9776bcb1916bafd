"""gRPC as it comes: the server of the world, and a client in a guest."""

import json
import os
import sys

from lib.processes import wait_for

_HERE = os.path.dirname(__file__)
# The machine's own proxy settings are not the guest's.
_ENVIRONMENT = {"GRPC_DNS_RESOLVER": "native", "PATH": os.environ["PATH"], "GRPC_VERBOSITY": "ERROR"}


class GrpcServer:
    """Of lab.Echo (grpc_server.py), at a name of the world."""

    def __init__(self, lab, host="grpc.test", port=443):
        self.log = f"{lab.folder}/grpc.jsonl"
        chain, key, _ = lab.world.authority.issue([host])
        address = f"{lab.world.records[host][0]}:{port}"
        process = lab.world.start_process([sys.executable, f"{_HERE}/grpc_server.py", address, chain, key, self.log], "grpc.log")

        def serves():
            assert process.alive(), process.output()
            return "serving" in process.output()
        wait_for(serves, 30, "the gRPC server")

    def events(self, **match):
        with open(self.log) as file:
            found = [json.loads(line) for line in file if line.endswith("\n")]
        return [e for e in found if all(e[key] == value for key, value in match.items())]


def call(guest, *calls, host="grpc.test", port=443, timeout=90):
    """What became of these calls (grpc_client.py), made over one channel by a guest that trusts its own CA."""
    done = guest.run([sys.executable, f"{_HERE}/grpc_client.py", f"{host}:{port}", guest._certificate, json.dumps(calls)],
                     timeout=timeout, env=_ENVIRONMENT)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout)
