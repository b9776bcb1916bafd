#include "policy/registrable_domain.h"

#include <doctest/doctest.h>

namespace enforcer::policy {

TEST_CASE("the registrable domain is one label more than the public suffix") {
  const auto domain = [](std::string_view name) { return registrable_domain(*HostName::parse(name)); };
  CHECK(domain("example.com") == "example.com");
  CHECK(domain("accounts.google.com.evil.co.uk") == "evil.co.uk");
  CHECK(domain("xn--80ak6aa92e.com") == "xn--80ak6aa92e.com");
  CHECK(domain("api.hold.test") == "hold.test");  // a suffix that is on no list has one label
  CHECK(domain("co.uk").empty());
  CHECK(domain("localhost").empty());
}

}  // namespace enforcer::policy
