// What may not be in a support bundle does not get through, and what is needed does.
#include "config/masking.h"

#include <doctest/doctest.h>

using namespace enforcer::config;

TEST_CASE("values_that_look_like_secrets_are_masked") {
  CHECK(masked_value("http://user:hunter2@proxy.test:3128/x") == "http://***@proxy.test:3128/x");
  CHECK(masked_value("http://a@b@proxy.test/") == "http://***@proxy.test/");
  CHECK(masked_value("https://a.test/x?token=hunter2&b=c#d") == "https://a.test/x?token=***&b=***");
  CHECK(masked_value("ghp_16C7e42F292c6912E7710c838347Ae178B4a") == "***");
  CHECK(masked_value("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x") == "Bearer ***.e30.x");
  CHECK(masked_value("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----") == "***");
}

TEST_CASE("values_that_are_none_stay") {
  for (const char* value : {"api.github.com", "/etc/enforcer/policies", "https://api.github.com/repos/**", "10.0.0.0/8",
                            "cloudformation:DeleteStack", "256Mi", "a-name-that-is-long-but-has-no-digit",
                            "01234567890123456789", "user@host.test", "true", ""}) {
    CAPTURE(value);
    CHECK(masked_value(value) == value);
  }
  CHECK(masked_value("abcdefghijklmnopqr1") == "abcdefghijklmnopqr1");  // 19
  CHECK(masked_value("abcdefghijklmnopqrs1") == "***");                 // 20
}

TEST_CASE("yaml_is_masked_by_the_names_of_its_keys") {
  const std::string masked = masked_yaml(R"(# hunter2 in a comment
egress: {proxy: "http://u:hunter2@p.test:1"}
password: hunter2
api_key: hunter2
clientSecret: hunter2
tokens: [hunter2, hunter2]
tokenUrl: https://id.test/token
secretIdFile: /etc/x
source: {token: {file: /etc/y}}
exec: [/usr/bin/get, --password, hunter2]
notify: [/usr/bin/tell, hunter2]
list:
  - name: one
    password: >
      hunter2
---
second: yes
)");
  CHECK_FALSE(masked.contains("hunter2"));
  for (const char* kept : {"p.test:1", "https://id.test/token", "/etc/x", "/etc/y", "/usr/bin/get", "/usr/bin/tell",
                           "name: one", "second: yes"}) {
    CAPTURE(masked);
    CHECK(masked.contains(kept));
  }
}

TEST_CASE("what_is_no_yaml_is_left_out") {
  for (const char* text : {"a: [hunter2", "\thunter2: x\n  y: z", "a: &x hunter2\nb: *y\n"}) {
    const std::string masked = masked_yaml(text);
    CAPTURE(text);
    CHECK_FALSE(masked.contains("hunter2"));
    CHECK(masked.starts_with("# left out"));
  }
  // Aliases that would make 10^9 nodes of a few lines.
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ",") + before;
    bomb += "]\n";
  }
  CHECK(masked_yaml(bomb).starts_with("# left out"));
}
