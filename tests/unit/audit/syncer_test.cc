#include "audit/syncer.h"

#include "scratch.h"

namespace enforcer::audit {
namespace {

TEST_CASE("the_sync_thread_starts_and_ends_at_once") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  const auto begin = Monotonic::now();
  {
    const Syncer syncer(*log);
    CHECK(log->write(some_lines(10)).has_value());
  }
  CHECK(Monotonic::now() - begin < std::chrono::milliseconds(900));  // it does not sleep its second out
  CHECK(log->write_errors() == 0);
}

}  // namespace
}  // namespace enforcer::audit
