#include "review/fingerprint.h"

#include <doctest/doctest.h>

#include <set>

#include "fixture.h"

namespace enforcer::review {
namespace {

/// What goes into a fingerprint, to be changed one thing at a time.
struct Asked {
  Epoch epoch{7};
  policy::RequestFacts request{.transport = policy::RequestFacts::Transport::kTls,
                               .method = "POST",
                               .path = "/v1/stacks",
                               .query = "force=1",
                               .fields = {{"content-type", "application/json"}, {"x-name", "a"}}};
  std::optional<HostName> host = *HostName::parse("api.hold.test");
  std::optional<IpAddress> destination;
  Port port = kHttpsPort;
  std::string body = "{}";
  std::string rule = "rule stacks";

  [[nodiscard]] Fingerprint fingerprint() const {
    policy::Facts facts = facts_of(request);
    facts.host = host;
    facts.destination = destination;
    facts.port = port;
    return fingerprint_of(epoch, facts, as_bytes(body), rule);
  }
};

template <class Edit>
Fingerprint with(Edit edit) {
  Asked asked;
  edit(asked);
  return asked.fingerprint();
}

}  // namespace

TEST_CASE("everything that an origin could act on counts") {
  const std::vector<Fingerprint> different = {
      Asked{}.fingerprint(),
      with([](Asked& a) { a.epoch = Epoch{8}; }),
      with([](Asked& a) { a.request.transport = policy::RequestFacts::Transport::kClear; }),
      with([](Asked& a) { a.request.method = "PUT"; }),
      with([](Asked& a) { a.request.method = "post"; }),
      with([](Asked& a) { a.request.path = "/v1/stacks/"; }),
      with([](Asked& a) { a.request.query = "force=2"; }),
      with([](Asked& a) { a.request.query = ""; }),
      with([](Asked& a) { a.request.query.reset(); }),
      with([](Asked& a) { a.request.websocket = true; }),
      with([](Asked& a) { a.request.fields[1].value = "b"; }),
      with([](Asked& a) { a.request.fields[1].name = "x-nama"; }),
      with([](Asked& a) { a.request.fields.pop_back(); }),
      with([](Asked& a) { std::swap(a.request.fields[0], a.request.fields[1]); }),
      with([](Asked& a) { a.request.fields.push_back({"x-name", "a"}); }),
      with([](Asked& a) { a.request.fields.push_back({"cookie", "a=b"}); }),
      with([](Asked& a) { a.request.fields.push_back({"x-amz-target", "Service.Delete"}); }),
      with([](Asked& a) { a.host = *HostName::parse("api2.hold.test"); }),
      with([](Asked& a) {
        a.host.reset();
        a.destination = IpAddress::v4(0x01020304);
      }),
      with([](Asked& a) { a.port = Port{8443}; }),
      with([](Asked& a) { a.body = "[]"; }),
      with([](Asked& a) { a.body = ""; }),
      with([](Asked& a) { a.rule = "rule stacks, other"; }),
  };
  CHECK(std::set(different.begin(), different.end()).size() == different.size());
  CHECK(Asked{}.fingerprint() == Asked{}.fingerprint());
}

TEST_CASE("what clients change from try to try does not count, wherever it stands") {
  const Fingerprint plain = Asked{}.fingerprint();
  for (const char* name :
       {"date", "x-amz-date", "amz-sdk-invocation-id", "amz-sdk-request", "traceparent", "tracestate", "user-agent",
        "connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "transfer-encoding", "upgrade"}) {
    CAPTURE(name);
    CHECK(changes_between_tries(name));
    CHECK(with([&](Asked& a) { a.request.fields.insert(a.request.fields.begin(), {name, "1"}); }) == plain);
    CHECK(with([&](Asked& a) { a.request.fields.push_back({name, "2"}); }) == plain);
  }
  for (const char* name : {"", "dat", "date2", "x-date", "amz-sdk", "amz-sdk-other", "x-amz-sdk-request",
                           "x-amz-security-token", "content-length", "trailer", "x-user-agent", "zzz"}) {
    CAPTURE(name);
    CHECK_FALSE(changes_between_tries(name));
    CHECK(with([&](Asked& a) { a.request.fields.push_back({name, "1"}); }) != plain);
  }
  // A guest cannot take a field out of the question by naming it in Connection.
  CHECK(with([](Asked& a) {
          a.request.fields.push_back({"connection", "x-force"});
          a.request.fields.push_back({"x-force", "1"});
        }) != plain);
}

TEST_CASE("what changes between tries counts when it is long enough to carry something") {
  const Fingerprint plain = Asked{}.fingerprint();
  const auto agent = [](std::size_t octets) {
    return with([&](Asked& a) { a.request.fields.push_back({"user-agent", std::string(octets, 'x')}); });
  };
  CHECK(agent(256) == plain);
  CHECK(agent(257) != plain);
}

TEST_CASE("who asks counts and the signature of a try does not") {
  const auto authorized = [](const std::string& value) {
    return with([&](Asked& a) { a.request.fields.push_back({"authorization", value}); });
  };
  const auto signed_by = [&](const std::string& scope, const std::string& signature) {
    return authorized("AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host, Signature=" + signature);
  };
  const Fingerprint one = signed_by("AKIADEV/20260101/us-east-1/s3/aws4_request", "aa");
  CHECK(signed_by("AKIADEV/20260102/us-east-1/s3/aws4_request", "bb") == one);
  for (const char* scope : {"AKIAPROD/20260101/us-east-1/s3/aws4_request", "AKIADEV/20260101/us-east-2/s3/aws4_request",
                            "AKIADEV/20260101/us-east-1/iam/aws4_request", "AKIADEV", "AKIADEV/20260101"}) {
    CAPTURE(scope);
    CHECK(signed_by(scope, "aa") != one);
  }
  CHECK(authorized("AWS4-HMAC-SHA256 Credential=AKIADEV/20260101/us-east-1/s3/aws4_request, "
                   "Credential=AKIAPROD/20260101/us-east-1/s3/aws4_request, Signature=aa") != one);
  CHECK(authorized("Bearer dev") != authorized("Bearer prod"));
  CHECK(authorized("Bearer dev") == authorized("Bearer dev"));
  CHECK(authorized("Bearer dev") != Asked{}.fingerprint());
}

TEST_CASE("parts that read alike when they are put together are not alike") {
  const auto pair = [](auto one, auto other) { CHECK(with(one) != with(other)); };
  pair(
      [](Asked& a) {
        a.request.method = "GETX";
        a.request.path = "/";
      },
      [](Asked& a) {
        a.request.method = "GET";
        a.request.path = "X/";
      });
  pair([](Asked& a) { a.request.fields = {{"ab", "c"}}; }, [](Asked& a) { a.request.fields = {{"a", "bc"}}; });
  pair([](Asked& a) { a.request.fields = {{"a", "b"}, {"c", "d"}}; },
       [](Asked& a) { a.request.fields = {{"a", "bcd"}}; });
  pair(
      [](Asked& a) {
        a.body = "xy";
        a.rule = "z";
      },
      [](Asked& a) {
        a.body = "x";
        a.rule = "yz";
      });
  // The length is part of it: an octet that looks like one cannot stand in for it.
  pair([](Asked& a) { a.request.path = std::string("/a\0\0\0\0\0\0\0\1b", 12); },
       [](Asked& a) {
         a.request.path = "/a";
         a.request.query = "b";
       });
}

TEST_CASE("it is SHA-256 over length-prefixed parts, and stays what it is") {
  // Computed from the description by other code (Python's hashlib), once.
  policy::RequestFacts request{.method = "GET", .path = "/"};
  policy::Facts facts{.layer = policy::Layer::kHttp, .host = *HostName::parse("a.test"), .port = kHttpPort};
  facts.request = std::make_shared<const policy::RequestFacts>(std::move(request));
  CHECK(to_hex(fingerprint_of(Epoch{1}, facts, as_bytes("hi"), "r")) ==
        "fc8bb577890a2fbea2c146e88ba80a553873a16e0c9807a2f0a043ff69e5c999");
}

}  // namespace enforcer::review
