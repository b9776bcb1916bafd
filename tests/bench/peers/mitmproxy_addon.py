"""Inside mitmproxy: names that are listed are passed through or intercepted with a header added, the others are closed."""

import os

with open(os.environ["BENCH_NAMES"]) as file:
    LISTED = set(file.read().split())


class Gate:
    def tls_clienthello(self, data):
        if os.environ["BENCH_KIND"] == "raw" and data.context.client.sni in LISTED:
            data.ignore_connection = True

    def server_connect(self, data):
        if data.client.sni not in LISTED:
            data.server.error = "not on the list"  # or the origin would be dialled for its certificate

    def tls_start_client(self, data):
        if data.context.client.sni not in LISTED:
            data.ssl_conn = False  # not None, which the addons behind this one would fill in: without a context it closes

    def requestheaders(self, flow):
        flow.request.headers[os.environ["BENCH_HEADER"]] = os.environ["BENCH_VALUE"]


addons = [Gate()]
