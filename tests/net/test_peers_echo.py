"""The origin that sends credentials back, without Enforcer before it: it does, in every place and spelling. Otherwise nothing that is
not found behind Enforcer would mean anything."""

import gzip

import zstandard

from lib.echo_peers import EchoServer
from lib.echo_server import SPELLINGS
from lib.expect import equal
from lib.https_peers import Outsider
from lib.lab import Lab
from lib.secret0 import leaks
from lib.world import SECRET

ONE_SANITIZER = "prove the other side of the reflection tests"

BEARER = ("-H", f"Authorization: Bearer {SECRET}")


def world():
    return Lab(start=False, guests=())


def test_echo_peer_reflects_in_every_spelling_and_place():
    with world() as lab:
        EchoServer(lab)
        guest = Outsider(lab)
        for spelling in SPELLINGS:
            reply = guest.curl(f"https://echo.test/spelled/{spelling}", *BEARER)
            equal(reply.status, 200, spelling)
            assert leaks(reply.body) or spelling in ("upper", "reversed"), (spelling, reply.body)
        for path in ("/", "/split/1", "/split/7", "/counted/3", "/closed/3", "/encoded/identity", "/anything?x=1"):
            assert leaks(guest.curl(f"https://echo.test{path}", *BEARER).body), path
        for path in ("/field", "/name", "/reason", "/early", "/trailer", "/redirect/mitm.test"):
            answer = guest.curl(f"https://echo.test{path}", "-i", *BEARER).body
            assert leaks(answer), (path, answer)
        for option, path in ((("--user", f"bot:{SECRET}"), "/split/9"), (("-H", f"X-Api-Key: {SECRET}"), "/split/9"),
                             ((), f"/split/9?key={SECRET}")):
            assert leaks(guest.curl(f"https://echo.test{path}", *option).body), path
        assert "session=of-the-identity" in guest.curl("https://echo.test/cookie").talk


def test_echo_peer_encodes_unasked():
    with world() as lab:
        EchoServer(lab)
        guest = Outsider(lab)
        encoded = {coding: guest.curl(f"https://echo.test/encoded/{coding}", *BEARER).body for coding in ("gzip", "zstd", "br", "deflate")}
        equal([name for name, body in encoded.items() if leaks(body)], [])
        assert leaks(gzip.decompress(encoded["gzip"])) and leaks(zstandard.ZstdDecompressor().decompress(encoded["zstd"]))
        for codings in ("br", "deflate", "gzip"):
            assert leaks(guest.curl(f"https://echo.test/encoded/{codings}", "--compressed", *BEARER).body), codings
        equal(guest.curl("https://echo.test/range/gzip", *BEARER).status, 206)
        bomb = guest.curl("https://echo.test/bomb/256", *BEARER).body
        assert 200_000 < len(bomb) < 500_000, len(bomb)
        equal(len(gzip.decompress(bomb)), 256 << 20)
