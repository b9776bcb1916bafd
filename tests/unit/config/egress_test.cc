#include "config/egress.h"

#include <doctest/doctest.h>

#include "config/config.h"

namespace enforcer::config {
namespace {

std::string egress_problems(const std::string& value) {
  const ConfigOutcome outcome = parse_config({"enforcer.yaml", "egress: " + value + "\n"});
  std::string all;
  for (const auto& diagnostic : outcome.diagnostics) all += diagnostic.to_string() + "\n";
  CHECK(outcome.config.has_value() == all.empty());
  return all;
}

std::optional<EgressProxy> proxy_of(const std::string& value) {
  const ConfigOutcome outcome = parse_config({"enforcer.yaml", "egress: " + value + "\n"});
  for (const auto& diagnostic : outcome.diagnostics) FAIL(diagnostic.to_string());
  return outcome.config->egress_proxy;
}

constexpr const char* kForms = "; write http://proxy.example:3128 or socks5h://proxy.example:1080\n";

TEST_CASE("without_a_proxy_origins_are_reached_directly") {
  for (const char* value : {"{}", "{proxy: null}", "{proxy: ~, credential: null}"}) CHECK_FALSE(proxy_of(value));
}

TEST_CASE("a_proxy_is_named_with_scheme_and_port") {
  using Protocol = EgressProxy::Protocol;
  struct {
    const char* value;
    Protocol protocol;
    const char* place;
  } const table[] = {
      {"{proxy: 'http://proxy.corp.example:3128'}", Protocol::kConnect, "proxy.corp.example:3128"},
      {"{proxy: 'http://Proxy.Corp.Example.:80/'}", Protocol::kConnect, "proxy.corp.example:80"},
      {"{proxy: 'socks5h://host:1080'}", Protocol::kSocks5, "host:1080"},
      {"{proxy: 'http://10.1.2.3:3128'}", Protocol::kConnect, "10.1.2.3:3128"},
      {"{proxy: 'socks5h://[fd00::1]:65535'}", Protocol::kSocks5, "[fd00::1]:65535"},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    const auto proxy = proxy_of(row.value);
    REQUIRE(proxy.has_value());
    CHECK(proxy->protocol == row.protocol);
    CHECK(proxy->place() == row.place);
    CHECK(proxy->credential.empty());
  }
  CHECK(proxy_of("{credential: corp, proxy: 'http://proxy.example:3128'}")->credential == "corp");
}

TEST_CASE("what_is_no_proxy_is_refused_with_its_place") {
  const std::string start = "enforcer.yaml:1:17: error[E0105]: ";
  for (const char* text :
       {"proxy.example:3128", "http://proxy.example", "http://proxy.example:0", "http://proxy.example:65536",
        "http://proxy.example:3128/path", "http://proxy.example:3128?x", "http://:3128", "http://", "HTTP://proxy:3128",
        "http://fd00::1:3128", "http://[10.0.0.1]:3128", "http://[proxy]:3128", "http://127.1:3128",
        "ftp://proxy:21"}) {
    CHECK(egress_problems("{proxy: '" + std::string(text) + "'}") ==
          start + "'" + text + "' is not a proxy with its port" + kForms);
  }
  CHECK(egress_problems("{proxy: 'https://proxy:3128'}") ==
        start +
            "'https://proxy:3128' is not a proxy with its port; the connection to the proxy itself is not "
            "encrypted: write http://\n");
  CHECK(egress_problems("{proxy: 'socks5://proxy:1080'}") ==
        start + "'socks5://proxy:1080' is not a proxy with its port; write socks5h://: the proxy is asked for names\n");
  CHECK(egress_problems("{proxy: [a]}") ==
        "enforcer.yaml:1:17: error[E0101]: a proxy must be text, but here is a list\n");
  CHECK(egress_problems("{prox: 'http://a:1'}") ==
        "enforcer.yaml:1:10: error[E0102]: unknown key 'prox' in egress; did you mean 'proxy'?\n");
}

TEST_CASE("invariant_6_a_password_in_the_address_is_refused_and_not_repeated") {
  for (const char* text :
       {"http://bot:s3cret@proxy.example:3128", "socks5h://s3cret@proxy:1080", "s3cret@", "ftp://a:s3cret@b"}) {
    CHECK(egress_problems("{proxy: '" + std::string(text) + "'}") ==
          "enforcer.yaml:1:17: error[E0105]: a proxy's user and password do not stand in its address; name a "
          "Credential as 'credential'\n");
  }
}

TEST_CASE("a_credential_is_for_a_proxy_that_has_a_name") {
  CHECK(egress_problems("{credential: corp}") ==
        "enforcer.yaml:1:22: error[E0110]: a 'credential' is for a 'proxy', and there is none\n");
  CHECK(egress_problems("{proxy: null, credential: corp}") ==
        "enforcer.yaml:1:35: error[E0110]: a 'credential' is for a 'proxy', and there is none\n");
  CHECK(egress_problems("{proxy: 'http://10.0.0.1:3128', credential: corp}") ==
        "enforcer.yaml:1:53: error[E0110]: a credential is bound to a name, and the proxy has none; write the proxy's "
        "name instead of its address\n");
  CHECK(egress_problems("{proxy: 'http://p:3128', credential: 'A B'}") ==
        "enforcer.yaml:1:46: error[E0107]: 'A B' cannot be the name of a Credential; use 1-63 of a-z, 0-9, '-', '_' "
        "and '.', beginning and ending with a letter or digit\n");
}

}  // namespace
}  // namespace enforcer::config
