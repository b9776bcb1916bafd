"""HTTP/1.x: what makes two readers of one request disagree, and what hides it from a rule.

The lab: mitm.test is allowed for GET, HEAD, POST and PUT below /, by TLS that ends here and by clear HTTP; everything is also
tried against the same host the legal way."""

import json
import re

from lib.expect import equal
from lib.guest import exchange, read_response
from lib.lab import RULE, Lab, policy
from lib.oracles import ask, ask_clear, denies, is_refusal, live, refused_everywhere
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.world import SECRET

MITM = (f"mitm.test {RULE}", f"mitm.test:80 {RULE}")
HOST = b"Host: mitm.test\r\n"


def lab(*allow, **options):
    return Lab(policy(*(allow or MITM)), **options)


def fields(*lines):
    """curl's options for these header lines."""
    return [word for line in lines for word in ("-H", line)]


def post(*lines, body=b""):
    return b"POST / HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def get(path=b"/", *lines):
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def targets(made):
    """What the origins were asked for, in order."""
    return [e["target"] for e in made.world.events(event="request")]


def curl(made, url, *options):
    """By HTTP/1.1, which all of this file is about."""
    return made.guest.curl(url, "--http1.1", *options)


def raw_answer(*lines, body=b"hi", status=b"HTTP/1.1 200 OK"):
    """A path under which the origin answers exactly this."""
    return "/raw/" + (status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body).hex()


@hang_guard(150)
def test_105_body_cut_short_by_either_side_never_looks_whole():
    with lab() as made:
        made.guest.trust_enforcer()

        def ends():
            return len(made.enforcer.records(type="end", layer="http"))
        reply = curl(made, "https://mitm.test" + raw_answer(b"Content-Length: 10"))
        assert reply.exit_code in (18, 56), reply.talk
        reply = curl(made, "https://mitm.test" + raw_answer(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"))
        assert reply.exit_code in (18, 56), reply.talk
        wait_for(lambda: ends() == 2, what="the ends of the two answers")
        for number, framing in enumerate((b"Content-Length: 100\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")):
            with made.guest.tls("mitm.test") as client:
                client.sendall(b"PUT /cut HTTP/1.1\r\n" + HOST + framing)
            wait_for(lambda: ends() == 3 + number, what="the end of the upload")
            wait_for(lambda: len(made.world.events(event="error")) > number, what="the origin to have lost half a body")
        assert "/cut" not in targets(made), "a body cut short was taken for whole"
        with made.guest.tls("mitm.test") as client:
            client.sendall(b"PUT /whole HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nfull")
            equal(read_response(client)[0], 200)
        assert "/whole" in targets(made)


@hang_guard(180)
def test_106_two_lengths_for_one_body():
    chunked, body = b"Transfer-Encoding: chunked", b"0\r\n\r\n"
    ambiguous = [post(b"Content-Length: 5", chunked, body=body), post(chunked, b"Content-Length: 5", body=body),
                 post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"),
                 post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), post(b"Content-Length: 5, 5", body=b"hello"),
                 *[post(b"Content-Length: " + value, body=b"hello") for value in
                   (b"+5", b"0x5", b"-1", b"5 5", b"5a", b"", b"\"5\"", b"99999999999999999999999", b"9223372036854775808", b"5;a",
                    b"5.0")],
                 *[post(b"Transfer-Encoding: " + value, body=body) for value in
                   (b"chunked;x", b"xchunked", b"chunked, chunked", b"gzip", b"identity", b"chunked, identity", b"chunked,", b"")],
                 post(chunked, chunked, body=body), post(chunked, b"Transfer-Encoding: x", body=body),
                 b"POST / HTTP/1.0\r\n" + HOST + chunked + b"\r\n\r\n" + body]
    with lab() as made:
        made.guest.trust_enforcer()
        refused_everywhere(made, ambiguous, "h1_framing")
        equal(curl(made, "https://mitm.test/", "-d", "hello").status, 200)
        equal(json.loads(curl(made, "https://mitm.test/", "-d", "hello", "-H", "Transfer-Encoding: chunked").body)["bytes"], 5)
        # A spelling that some origins take for the other one does not travel at all.
        odd = b"Content_Length: 7\r\nTransfer_Encoding: x\r\nX-Mine: a\r\n"
        echoed, _ = ask(made, b"GET /head HTTP/1.1\r\n" + HOST + odd + b"Connection: close\r\n\r\n")
        assert b"X-Mine: a" in echoed and b"Content_Length" not in echoed and b"Transfer_Encoding" not in echoed, echoed


@hang_guard(180)
def test_107_lines_that_two_readers_split_differently():
    malformed = [get(b"/", b"X: a", b" folded"), get(b"/", b"X: a", b"\tfolded"), get(b"/", b"X : a"), get(b"/", b" X: a"),
                 get(b"/", b"X: a\rX-Evil: b"), get(b"/", b"X: a\nX-Evil: b"), get(b"/", b"X: a\0b"), get(b"/", b"X\0: a"),
                 get(b"/", b"X(: a"), get(b"/", b"X"), get(b"/", b": a"), get(b"/", b"X\xc3\xa9: a"), get(b"/", b"X: a\x01b"),
                 b"GET / HTTP/1.1\n" + b"Host: mitm.test\n\n",
                 b" GET / HTTP/1.1\r\n" + HOST + b"\r\n", b"\r\n\r\n\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
                 b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n",
                 b"GET / HTTP/1.1\r\r\n" + HOST + b"\r\n", b"GET / HTTP/1.1\r\nHost : mitm.test\r\n\r\n"]
    with lab() as made:
        made.guest.trust_enforcer()
        refused_everywhere(made, malformed, "h1_malformed")
        refused_everywhere(made, [b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n"], "h1_malformed",
                           "proto_unknown")
        live(made)


@hang_guard(150)
def test_108_chunks_that_end_elsewhere_for_somebody():
    def chunks(body):
        return post(b"Transfer-Encoding: chunked", body=body)
    bad = [b"5;a\nhello\r\n0\r\n\r\n", b"5;\0\r\nhello\r\n0\r\n\r\n", b"5;" + b"a" * 70000 + b"\r\nhello\r\n0\r\n\r\n",
           b"5 \r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n",
           b"5\r\nhelloX\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
           b"8000000000000000\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nX: a\nY: b\r\n\r\n",
           b"5\r\nhello\r\n0\r\n folded\r\n\r\n", b"\r\n0\r\n\r\n"]
    with lab(config={"workers": 1}) as made:
        made.guest.trust_enforcer()
        for body in bad:
            data, how = ask(made, chunks(body))
            assert is_refusal(data) and b'"reason":"h1_framing"' in data and how != "timeout", (body[:60], data[:200], how)
        equal([e for e in made.world.events(event="request")], [], "bodies that an origin took for whole")
        # Legal, and of no use but to hide something: a guest's extensions and trailers are refused, an origin's stay here.
        for body in (b"5;ext=\"x\"\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nAuthorization: Bearer mine\r\n\r\n"):
            data, _ = ask(made, chunks(body))
            assert data.startswith(b"HTTP/1.1 400") and b'"reason":"h1_framing"' in data, data
        equal(made.world.events(event="request"), [], "bodies with more than a body in them")
        answer = raw_answer(b"Transfer-Encoding: chunked", body=b"5;ext=1\r\nhello\r\n0\r\nSet-Cookie: late\r\n\r\n")
        reply = curl(made, "https://mitm.test" + answer)
        assert reply.body == b"hello" and "late" not in reply.talk, reply.talk
        equal(curl(made, "https://mitm.test/").status, 200, "which meets the connection that the origin has ended")
        equal(json.loads(curl(made, "https://mitm.test/", "-d", "hello", "-H", "Transfer-Encoding: chunked").body)["bytes"], 5)


def test_109_denied_request_behind_an_allowed_one():
    with lab() as made:
        made.guest.trust_enforcer()
        with denies(made, "request"):
            data, _ = ask(made, get(b"/one") + b"DELETE /two HTTP/1.1\r\n" + HOST + b"\r\n" + get(b"/three", b"Connection: close"))
        equal(re.findall(rb"HTTP/1\.1 (\d+)", data), [b"200", b"403", b"200"])
        equal(targets(made), ["/one", "/three"])
        with denies(made, "h1_malformed"):
            data, how = ask(made, post(b"Content-Length: 5", body=b"hello GARBAGE \0\r\n\r\n"))
        equal(re.findall(rb"HTTP/1\.1 (\d+)", data)[:1], [b"200"])
        assert how != "timeout" and b"GARBAGE" not in json.dumps(made.world.events()).encode(), (data, how)


def test_110_expectations_and_early_answers():
    with lab() as made:
        made.guest.trust_enforcer()
        # A body is read as the body, whether or not somebody waited for 100: its content is a legal request that must not be one.
        smuggled, after = get(b"/smuggled"), get(b"/after", b"Connection: close")
        for expectation in (b"100-continue", b"100-Continue"):
            data, how = ask(made, post(b"Expect: " + expectation, b"Content-Length: %d" % len(smuggled), body=smuggled) + after)
            answers = [status for status in re.findall(rb"HTTP/1\.1 (\d+)", data) if status != b"100"]
            equal(answers, [b"200", b"200"], (expectation, data, how))
        for expectation in (b"200-ok", b"100-continue, x", b"y 100-continue"):
            data, how = ask(made, post(b"Expect: " + expectation, b"Content-Length: %d" % len(smuggled), body=smuggled))
            assert is_refusal(data) and data.count(b"HTTP/1.1") == 1, (expectation, data, how)
        # An origin that answers before it has read, closing behind that or not: the rest of the body is nobody's next request.
        for path in (b"/early", b"/early-keep"):
            begin = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (len(smuggled) + 500_000)
            data, how = ask(made, begin + smuggled + bytes(500_000) + after)
            assert data.startswith(b"HTTP/1.1 413") and data.count(b"HTTP/1.1") <= 2 and how != "timeout", (path, data[:300], how)
        assert "/smuggled" not in targets(made) and "/after" in targets(made), targets(made)
        live(made)


@hang_guard(150)
def test_112_target_that_names_another_host():
    mismatch = [b"GET http://evil.test/ HTTP/1.1\r\n" + HOST + b"\r\n", b"GET https://evil.test/ HTTP/1.1\r\n" + HOST + b"\r\n",
                b"GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n"]
    with lab(*MITM, f"evil.test {RULE}", f"evil.test:80 {RULE}") as made:
        made.guest.trust_enforcer()
        refused_everywhere(made, mismatch, "authority_mismatch")
        for request in (b"CONNECT mitm.test:443 HTTP/1.1\r\nHost: mitm.test:443\r\n\r\n", b"GET mitm.test HTTP/1.1\r\n" + HOST + b"\r\n",
                        b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", b"GET ftp://mitm.test/ HTTP/1.1\r\n" + HOST + b"\r\n",
                        b"GET http://mitm.test@evil.test/ HTTP/1.1\r\n" + HOST + b"\r\n"):
            for way in (ask, ask_clear):
                data, how = way(made, request)
                assert is_refusal(data) or (not data and how == "reset"), (way.__name__, request, data, how)
        made.wire_silent()
        live(made)
        data, _ = ask(made, b"GET https://mitm.test/absolute HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        assert data.startswith(b"HTTP/1.1 200"), data  # the control: its own name in absolute form
        equal(targets(made)[-1], "/absolute", "and the origin is asked in origin form")


@hang_guard(150)
def test_113_no_host_many_hosts_no_version():
    with lab() as made:
        made.guest.trust_enforcer()
        refused_everywhere(made, [
            b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", get(b"/", b"Host: mitm.test"), get(b"/", b"host: evil.test"),
            b"GET / HTTP/1.1\r\nHost: mitm.test, evil.test\r\n\r\n", b"GET / HTTP/1.1\r\nHost: mitm.test evil.test\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: mitm.test:99999\r\n\r\n", b"GET / HTTP/1.1\r\nHost: mitm.test/x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: evil.test@mitm.test\r\n\r\n"], "host_invalid")
        for request in (b"GET /\r\n\r\n", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
                        b"get / HTTP/1.1\r\n" + HOST + b"\r\n", b"G\xc3\x89T / HTTP/1.1\r\n" + HOST + b"\r\n",
                        b"GET / http/1.1\r\n" + HOST + b"\r\n", b"GET / HTTP/01.1\r\n" + HOST + b"\r\n"):
            data, how = ask(made, request)
            assert re.match(rb"HTTP/1\.1 4", data) or (not data and how == "reset"), (request, data, how)
        made.wire_silent()
        live(made)


@hang_guard(240)
def test_114_one_path_in_many_spellings():
    rule = 'mitm.test http: [{methods: [GET], paths: ["/public/**"]}]'
    with lab(rule) as made:
        made.guest.trust_enforcer()
        for path in ("/public/../admin", "/public/%2e%2e/admin", "/public/.%2E/admin", "/public/./../admin", "/admin/../admin", "/PUBLIC/x",
                     "/public%2f..%2fadmin", "//admin", "/public/..;/admin", "/%61dmin"):
            reply = curl(made, f"https://mitm.test{path}", "--path-as-is")
            assert reply.status in (400, 403), (path, reply.status)
        # An escaped slash is one segment to us and two to some origins: one star does not cover it, two do.
        made.enforcer.write_policy(policy('mitm.test http: [{methods: [GET], paths: ["/one/*", "/public/**"]}]'))
        made.enforcer.ctl_ok("reload")
        for path, status in (("/one/a", 200), ("/one/a%2Fsecrets", 403), ("/public/a%2Fb", 200), ("/one/a;x=1", 200)):
            equal(curl(made, f"https://mitm.test{path}", "--path-as-is").status, status, path)
        for path in (b"/public/\\..\\admin", b"/public/%5c..%5cadmin", b"/public/%2f../admin", b"/public/\xff", b"/public/..%c0%af",
                     b"/public/a#frag", b"/public/%zz", b"/public/%", b"/public/a%00b"):
            data, how = ask(made, get(path, b"Connection: close"))
            assert is_refusal(data), (path, data[:100], how)
        assert not any("admin" in target.lower() for target in targets(made)), targets(made)
        before = len(targets(made))
        for path, seen in (("/public/%61/./b/../c", "/public/a/c"), ("/public/a%2db", "/public/a-b"), ("/public/a%3ab", "/public/a%3Ab")):
            equal(curl(made, f"https://mitm.test{path}", "--path-as-is").status, 200, path)
            equal(targets(made)[before:][-1], seen, "what was matched is what is sent")


@hang_guard(240)
def test_115_method_in_a_field():
    with lab() as made:
        made.guest.trust_enforcer()
        sent = ("X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X_HTTP_Method_Override: DELETE")
        echoed = curl(made, "https://mitm.test/head", *fields(*sent)).body.lower()
        assert b"host: mitm.test" in echoed and b"delete" not in echoed, echoed
        for method in ("TRACE", "TRACK"):
            with denies(made, "h1_malformed"):
                equal(curl(made, "https://mitm.test/", "-X", method).status, 400, method)
        for method in ("DELETE", "PATCH", "PROPFIND", "OPTIONS"):
            with denies(made, "request"):
                equal(curl(made, "https://mitm.test/", "-X", method).status, 403, method)


def test_115_method_in_the_query():
    """What a rule says about methods holds for the one that an origin may read in the query, inside TLS and in the clear."""
    allow = 'http: [{methods: [POST], paths: ["/**"]}]'
    with lab(f"mitm.test {allow}", f"mitm.test:80 {allow}") as made:
        made.guest.trust_enforcer()
        for host in ("https://mitm.test", "http://mitm.test"):
            equal(curl(made, f"{host}/hello?method=DELETE", "-X", "POST").status, 200, host)  # the control: no such parameter
            equal(curl(made, f"{host}/hello?_method=POST", "-X", "POST").status, 200, host)
        seen = len(targets(made))
        for query in ("_method=DELETE", "_method=delete", "a=b&_METHOD=DELETE", "%5Fmethod=%44ELETE", "x;_method=DELETE",
                      "_method[]=DELETE", "_method=POST&_method=DELETE", "X-HTTP-Method-Override=DELETE", "x_http_method=PUT",
                      "X-Method-Override=PATCH"):
            for host in ("https://mitm.test", "http://mitm.test"):
                with denies(made, "request"):
                    equal(curl(made, f"{host}/hello?{query}", "-g", "-X", "POST").status, 403, query)
        equal(len(targets(made)), seen)


def test_115_method_in_the_query_of_what_is_denied_by_name():
    deny = "  deny:\n    - {name: deletions, to: [mitm.test], http: [{methods: [DELETE]}]}\n"
    with Lab(policy('mitm.test http: [{paths: ["/**"]}]', extra=deny)) as made:
        made.guest.trust_enforcer()
        equal(curl(made, "https://mitm.test/hello", "-X", "POST").status, 200)
        for method, path in (("DELETE", "/hello"), ("POST", "/hello?_method=DELETE"), ("GET", "/hello?X-HTTP-Method-Override=delete")):
            with denies(made, "rule"):
                equal(curl(made, f"https://mitm.test{path}", "-X", method).status, 403, path)


@hang_guard(150)
def test_116_fields_that_route_inside_the_origin():
    with lab() as made:
        made.guest.trust_enforcer()
        sent = ("X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "X-Host",
                  "X_Forwarded_Host", "X-Forwarded-Server", "X-Original-Host", "X-Real-IP", "True-Client-IP",
                "X-Client-IP", "X-Cluster-Client-IP", "CF-Connecting-IP")
        echoed = curl(made, "https://mitm.test/head", *fields("X-Mine: kept", *[f"{name}: evil-value" for name in sent])).body.decode()
        assert "X-Mine: kept" in echoed and "evil-value" not in echoed, echoed
        # Fields that end here, those that the request itself names as such among them.
        hop = curl(made, "https://mitm.test/head", *fields(
            "Connection: X-Mine", "X-Mine: evil-value", "Keep-Alive: evil-value", "TE: evil-value", "Proxy-Connection: evil-value"))
        assert hop.status == 200 and b"evil-value" not in hop.body, hop.body


@hang_guard(240)
def test_117_second_value_of_a_field():
    """A rule that needs a value is not content with one of several."""
    rule = 'mitm.test http: [{methods: [GET], paths: ["/**"], headers: {X-Role: "user"}}]'
    with lab(rule) as made:
        made.guest.trust_enforcer()
        equal(curl(made, "https://mitm.test/", "-H", "X-Role: user").status, 200)
        for sent in (("X-Role: user", "X-Role: admin"), ("X-Role: admin", "X-Role: user"), ("X-Role: user,admin",), ("X-Role: admin",),
                       ("X-Role: user", "X_Role: admin"), ()):
            reply = curl(made, "https://mitm.test/", *fields(*sent))
            equal(reply.status, 403, str(sent))
        equal(len(targets(made)), 1)


@hang_guard(240)
def test_118_heads_that_never_end():
    many = b"".join(b"X-%d: a\r\n" % number for number in range(100_000))
    with lab(config={"deadlines": {"requestHead": "2s"}}, guests=("g1", "g2")) as made:
        for guest in made.guests.values():
            guest.trust_enforcer()
        for request in (get(b"/" + b"a" * (1 << 20)), b"GET / HTTP/1.1\r\n" + HOST + many + b"\r\n", get(b"/", b"X: " + b"a" * (1 << 20)),
                        b"G" * 100_000):
            with denies(made, "limit_head"):
                data, how = ask(made, request)
            assert how != "timeout" and (data[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 414", b"HTTP/1.1 400") or not data), (data[:100], how)
        with denies(made, "hello_timeout"):
            ask(made, b"GET / HTTP/1.1\r\nX: a")
        made.wire_silent()
        live(made)


@hang_guard(150)
def test_119_clear_http_where_a_rule_means_tls():
    binding = {"token": {"binding": [{"to": ["cred.test:*"], "as": "bearer"}]}}
    with lab(f"cred.test {RULE}, credential: token", "cred.test:8080 credential: token", f"mitm.test {RULE}", credentials=binding) as made:
        made.guest.trust_enforcer()
        with made.guest.connect("cred.test", 8080) as client, denies(made, "scheme"):
            data, _ = exchange(client, b"GET / HTTP/1.1\r\nHost: cred.test:8080\r\nConnection: close\r\n\r\n")
        assert SECRET.encode() not in data, data
        for host in ("cred.test", "mitm.test"):  # no rule names port 80
            equal(curl(made, f"http://{host}/").status, 0, host)
        made.wire_silent()
        equal(curl(made, "https://cred.test/").status, 200)
        assert SECRET in made.world.events(event="request")[-1]["head"], "the control: over TLS it is sent"


@hang_guard(180)
def test_120_hostile_origin():
    endless = [raw_answer(status=b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + b"HTTP/1.1 200 OK"),
               raw_answer(status=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 50 + b"HTTP/1.1 200 OK")]
    bad = [raw_answer(status=b"HTTP/1.1 101 Switching Protocols"), raw_answer(status=b"SSH-2.0-x"), raw_answer(status=b"HTTP/2.0 200 OK"),
           raw_answer(status=b"HTTP/1.1 20 OK"), raw_answer(status=b"HTTP/1.1 2000 OK"), raw_answer(status=b"ICY 200 OK"),
           raw_answer(b"Content-Length: 2", b"Content-Length: 3"), raw_answer(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
           raw_answer(b"Content-Length: +2"), raw_answer(b"X: a", b" folded"), raw_answer(b"X: a\nSet-Cookie: b"), raw_answer(b"X: a\0b"),
           raw_answer(b"X : a"), raw_answer(b"Transfer-Encoding: gzip"), "/big-head/300000",
           "/raw/" + b"HTTP/1.1 200 OK\nContent-Length: 0\n\n".hex()]
    with lab() as made:
        made.guest.trust_enforcer()
        for path in endless + bad:
            reply = curl(made, f"https://mitm.test{path}")
            equal(reply.status, 502, path[:80])
            equal(json.loads(reply.body)["reason"], "upstream_proto", path[:80])
        end = made.enforcer.wait_record(type="end", reason="upstream_proto")
        equal(end["outcome"], "denied")
        nothing = curl(made, "https://mitm.test/raw/")
        equal((nothing.status, json.loads(nothing.body)["reason"]), (502, "origin_connect"), "an origin that says nothing")
        # Behind a whole answer, an origin's unasked second one: nobody gets it.
        second = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstolen"
        split = raw_answer(b"Content-Length: 2", body=b"hi" + second)
        data, _ = ask(made, get(split.encode()) + get(b"/next", b"Connection: close"))
        equal((data.count(b"HTTP/1.1 200"), b"stole" in data), (2, False), data)
        live(made)


def test_122_redirect_that_would_take_the_secret_along():
    binding = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}]}}
    with lab(f"cred.test {RULE}, credential: token", f"evil.test {RULE}", credentials=binding) as made:
        made.guest.trust_enforcer()
        for status in (b"301 Moved", b"302 Found", b"303 See Other", b"307 Temporary Redirect", b"308 Permanent Redirect"):
            path = raw_answer(b"Location: https://evil.test/steal", b"Content-Length: 0", body=b"", status=b"HTTP/1.1 " + status)
            plain = curl(made, f"https://cred.test{path}")
            equal(plain.status, int(status[:3]), "the guest gets the redirect; nobody follows it here")
            equal(curl(made, f"https://cred.test{path}", "-L", "--location-trusted", "-H", "Authorization: Bearer mine").status, 200)
        stolen = [e["head"] for e in made.world.events(event="request") if e["listener"].startswith("93.184.216.42")]
        equal(len(stolen), 5)
        assert not any(SECRET in head for head in stolen), stolen
        with_secret = [SECRET in e["head"] for e in made.world.events(event="request") if e["listener"].startswith("93.184.216.41")]
        equal(with_secret, [True] * 10, "the control: to cred.test it was sent each time")


def test_123_hints_that_lead_around_the_proxy():
    with lab() as made:
        made.guest.trust_enforcer()
        path = raw_answer(b"Alt-Svc: h3=\":443\"; ma=86400", b"alt-svc: clear", b"Alternates: x", b"X-Kept: yes", b"Content-Length: 2")
        reply = curl(made, f"https://mitm.test{path}")
        talk = reply.talk.lower()
        assert reply.body == b"hi" and "x-kept: yes" in talk and "alt-svc" not in talk, talk
