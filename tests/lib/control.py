"""enforcerd's admin socket as any program speaks to it, HTTP and JSON."""

import contextlib
import http.client
import json
import socket

ENDPOINTS = [("GET", path) for path in ("/v1/status", "/v1/version", "/v1/policies", "/v1/explain?target=ok.test:443", "/v1/log",
                                        "/v1/log?follow=1", "/v1/guests", "/v1/guests/g1", "/v1/guests/g1/ca", "/v1/credentials",
                                        "/v1/reviews", "/v1/reviews/none", "/v1/reviews/watch?x=1", "/", "/v1/no-such-thing",
                                        "/v1/status/../status", "//v1/status")]
ENDPOINTS += [("POST", path) for path in ("/v1/reload", "/v1/policies", "/v1/guests", "/v1/guests/g2/attach", "/v1/guests/g1/exec",
                                          "/v1/guests/g1/labels", "/v1/reviews/none/approve", "/v1/reviews/none/reject", "/v1/status")]
ENDPOINTS += [("DELETE", "/v1/guests/g1"), ("PUT", "/v1/credentials/token"), ("DELETE", "/v1/credentials/token"), ("OPTIONS", "/v1/status")]


class ControlConnection(http.client.HTTPConnection):
    def __init__(self, lab):
        super().__init__("localhost", timeout=60)
        self._path = f"{lab.enforcer.run_dir}/enforcerd.sock"

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


def control(lab, method, path, body=None):
    """A request of root's to the admin socket: (status, answer)."""
    with contextlib.closing(ControlConnection(lab)) as connection:
        with contextlib.suppress(BrokenPipeError):  # what is too large is not read to its end
            connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def generation(lab):
    return control(lab, "GET", "/v1/status")[1]["generation"]
