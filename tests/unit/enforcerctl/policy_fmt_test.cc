// policy fmt: what it prints, writes and finds.
#include <sys/stat.h>

#include "../temporary_folder.h"
#include "redirected.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

TEST_CASE("policy_fmt_prints_writes_and_checks") {
  const TemporaryFolder folder;
  const std::string file = folder.write("p.yaml", "# why\na:\n- b\n");
  chmod(file.c_str(), 0640);
  CHECK(run({"policy", "fmt", file}).out == "# why\na:\n  - b\n");
  CHECK(read_file(file) == "# why\na:\n- b\n");
  const Ran found = run({"policy", "fmt", "--check", file});
  CHECK(found.status == 3);
  CHECK(found.out == file + "\n");
  const Ran written = run({"policy", "fmt", "-w", file});
  CHECK(written.status == 0);
  CHECK(written.err.contains("is rewritten"));
  CHECK(read_file(file) == "# why\na:\n  - b\n");
  struct stat status{};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
  CHECK(run({"policy", "fmt", "--check", file}).status == 0);
  CHECK(run({"policy", "fmt", "-w", file}).err.empty());
}

TEST_CASE("policy_fmt_leaves_alone_what_it_cannot_read") {
  const TemporaryFolder folder;
  const std::string bad = folder.write("bad.yaml", "a: [\n");
  const std::string good = folder.write("good.yaml", "a:   1  \n");
  const Ran ran = run({"policy", "fmt", "-w", bad, good});
  CHECK(ran.status == 3);
  CHECK(ran.err.contains("bad.yaml:"));
  CHECK(read_file(bad) == "a: [\n");
  CHECK(read_file(good) == "a:   1\n");
  CHECK(run({"policy", "fmt", "-w", "--check", good}).status == 2);
  CHECK(run({"policy", "fmt", "-w", "-"}).status == 2);
}
