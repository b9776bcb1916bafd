// verify() beside a writer.
#include <thread>

#include "audit/verify.h"
#include "scratch.h"

namespace enforcer::audit {
namespace {

TEST_CASE("a_log_is_verified_while_it_is_written_and_rotated") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 64 * 1024, .max_files = 50});
  std::jthread writer([&](std::stop_token stop) {
    for (int i = 0; i < 400 && !stop.stop_requested(); ++i) {
      CHECK(log->write(some_lines(5, 100)).has_value());
      if (i % 20 == 0) CHECK(log->sync().has_value());
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto found = verify({.path = folder.log(), .noted = {}});
    REQUIRE(found.has_value());
    CHECK(found->findings.empty());
  }
}

}  // namespace
}  // namespace enforcer::audit
