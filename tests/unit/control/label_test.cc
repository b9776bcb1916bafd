// Labels of a guest through the API: what is taken, and what never comes to the daemon.
#include <doctest/doctest.h>

#include "control/json.h"
#include "fake_daemon.h"

using namespace enforcer;
using namespace enforcer::control;
using namespace enforcer::control::testing;

TEST_CASE("labels_of_a_guest_are_changed_by_admins_strictly_as_asked") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("box"));
  const Reply reply = daemon.ask("POST", "/v1/guests/box/labels", R"({"set":{"team":"x","role":""},"remove":["old"]})");
  CHECK(reply.status == 200);
  const auto answer = decode_guest(reply.body);
  REQUIRE(answer.has_value());
  CHECK(answer->guest.labels == Labels{{"role", ""}, {"team", "x"}});
  CHECK(daemon.shared.calls_now() ==
        std::vector<std::string>{R"(label box {"remove":["old"],"set":{"role":"","team":"x"}})"});
  const std::string longest(128, 'x');
  CHECK(daemon.ask("POST", "/v1/guests/box/labels", R"({"set":{"a":")" + longest + R"("}})").status == 200);
  for (const std::string& wrong :
       {std::string("{}"), std::string(R"({"set":{},"remove":[]})"), std::string(R"({"set":{"a":1}})"),
        std::string(R"({"set":{"":"x"}})"), std::string(R"({"set":{"a":"two\nlines"}})"),
        R"({"set":{"a":")" + longest + R"(x"}})", R"({"remove":[")" + longest + R"(x"]})",
        std::string(R"({"remove":[1]})"), std::string(R"({"remove":[""]})"), std::string(R"({"remove":"a"})"),
        std::string(R"({"set":{"a":"b"},"remove":["a"]})"), std::string(R"({"set":{"a":"b"},"add":{}})")}) {
    CAPTURE(wrong);
    CHECK(daemon.ask("POST", "/v1/guests/box/labels", wrong).status == 400);
  }
  CHECK(daemon.ask("POST", "/v1/guests/none/labels", R"({"remove":["a"]})").status == 404);
  CHECK(daemon.ask("POST", "/v1/guests/BOX/labels", R"({"remove":["a"]})").status == 400);
  CHECK(daemon.ask("GET", "/v1/guests/box/labels").status == 405);
  CHECK(daemon.shared.calls_now().size() == 3);  // what was refused never came to the daemon
}
