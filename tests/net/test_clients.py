"""What programs speak HTTPS with: real clients as they come, through interception, with the guest's CA in the place where each
looks for it. The servers are nginx with HTTP/2 and an origin with HTTP/1.1 only."""

import json
import re

from lib.clients import Clients
from lib.expect import equal
from lib.lab import Lab, policy
from lib.nginx_server import Nginx

ANYTHING = policy(*[f'{name} http: [{{paths: ["/**"]}}]' for name in ("web.test", "mitm.test")])
HELLO = "hello from a file\n"
# A client of its own language: it asks for /hello of nginx, puts a body to the origin, and prints what came back.
URLLIB = """if True:
    import urllib.request
    def ask(method, url, body=None):
        return urllib.request.urlopen(urllib.request.Request(url, body, method=method)).read().decode()
    print(ask("GET", "https://web.test/hello") + ask("PUT", "https://mitm.test/put", b"0123456789" * 100_000))
"""
REQUESTS = """if True:
    import requests
    with requests.Session() as session:
        print(session.get("https://web.test/hello").text + session.put("https://mitm.test/put", data=b"0123456789" * 100_000).text)
"""
NODE = """
const hello = await (await fetch("https://web.test/hello")).text();
const put = await (await fetch("https://mitm.test/put", {method: "PUT", body: "0123456789".repeat(100_000)})).text();
console.log(hello + put);
"""
JAVA = """
  import java.net.URI;
  import java.net.http.*;

class Ask {
  public static void main(String[] arguments) throws Exception {
    var client = HttpClient.newHttpClient();
    var hello = client.send(HttpRequest.newBuilder(URI.create("https://web.test/hello")).build(), HttpResponse.BodyHandlers.ofString());
    var put = client.send(HttpRequest.newBuilder(URI.create("https://mitm.test/put"))
        .PUT(HttpRequest.BodyPublishers.ofString("0123456789".repeat(100_000))).build(), HttpResponse.BodyHandlers.ofString());
    System.out.println(hello.body() + put.body());
  }
}
"""
PUT = {"bytes": 1_000_000, "md5": "174ac9a4f023a557a68ab0417355970e"}


def web(lab):
    clients = Clients(lab)
    with open(f"{lab.folder}/hello", "w") as file:
        file.write(HELLO)
    return clients, Nginx(lab, {"web.test": {"/": lab.folder, "/together/": "http://93.184.216.40:80"}})


def intercepted(lab, host, method, path):
    """The request has been seen and allowed, and not only its connection."""
    lab.enforcer.wait_record(type="decision", decision="allow", layer="http", host=host, method=method, path=path)


def asks_and_puts(argv, prepare=lambda clients: None):
    with Lab(ANYTHING) as lab:
        clients, _ = web(lab)
        prepare(clients)
        hello, put = clients.ok(*argv).strip().split("\n")
        equal((hello + "\n", json.loads(put)), (HELLO, PUT))
        intercepted(lab, "web.test", "GET", "/hello")
        intercepted(lab, "mitm.test", "PUT", "/put")


def curl_speaks(option, version):
    with Lab(ANYTHING) as lab:
        clients, nginx = web(lab)
        for host, body in (("web.test", HELLO), ("mitm.test", "hello from mitm.test\n")):  # the second origin has no HTTP/2
            printed = clients.ok("curl", "-sS", "-w", "%{http_version}", *option, f"https://{host}/hello")
            equal(printed, body + version, host)
            intercepted(lab, host, "GET", "/hello")
        equal(len(nginx.requests(host="web.test", status=200)), 1)


def test_curl_http_1_1():
    curl_speaks(["--http1.1"], "1.1")


def test_curl_http_2():
    curl_speaks(["--http2"], "2")


def test_curl_asks_for_http_2_by_itself():
    curl_speaks([], "2")


def test_nghttp_fetches_over_one_connection():
    with Lab(ANYTHING) as lab:
        clients, nginx = web(lab)
        urls = [f"https://web.test/hello?{number}" for number in range(50)]
        equal(clients.ok("nghttp", *urls), HELLO * len(urls))
        talk = clients.ok("nghttp", "-nv", urls[0], "https://web.test/missing")
        equal(sorted(re.findall(r":status: (\d+)", talk)), ["200", "404"])
        equal(sorted(set(r["target"] for r in nginx.requests(status=200))), sorted(url.partition("web.test")[2] for url in urls))
        intercepted(lab, "web.test", "GET", "/missing")


def test_openssl_s_client():
    with Lab(ANYTHING) as lab:
        clients, _ = web(lab)
        request = "GET /hello HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n"
        talk = clients.ok("openssl", "s_client", "-connect", "web.test:443", "-CAfile", clients.certificate, "-verify_return_error",
                          "-verify_hostname", "web.test", "-ign_eof", input=request)
        assert "Verification: OK" in talk and "Verified peername: web.test" in talk, talk
        assert "\nHTTP/1.1 200 " in talk and HELLO in talk, talk
        intercepted(lab, "web.test", "GET", "/hello")


def test_python_urllib():
    asks_and_puts(["/usr/bin/python3", "-c", URLLIB])


def test_python_requests():
    asks_and_puts(["/usr/bin/python3", "-c", REQUESTS])


def test_node_fetch():
    asks_and_puts(["node", "--input-type=module", "-e", NODE])


def test_java_http_client():
    def prepare(clients):
        clients.path("Ask.java", JAVA)
        clients.ok("keytool", "-importcert", "-noprompt", "-alias", "enforcer", "-file", clients.certificate, "-storepass", "changeit",
                   "-keystore", clients.path("trust"))
    asks_and_puts(["java", "-Djavax.net.ssl.trustStore=trust", "-Djavax.net.ssl.trustStorePassword=changeit", "Ask.java"], prepare)
