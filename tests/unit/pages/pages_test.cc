// What is generated is what is shipped. After a change of a table: `cmake --build build/asan --target write_pages`.
#include "pages/pages.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

namespace enforcer::pages::test {
namespace {

TEST_CASE("the_shipped_pages_are_what_the_code_says") {
  const auto pages = shipped_pages();
  CHECK(pages.size() == 6);
  for (const Page& page : pages) {
    std::ifstream file(std::string(ENFORCER_SOURCE_DIR "/") + page.path, std::ios::binary);
    REQUIRE_MESSAGE(file, page.path);
    std::ostringstream text;
    text << file.rdbuf();
    CHECK_MESSAGE(text.str() == page.text, page.path << " is not what the code says: build the target write_pages");
  }
}

}  // namespace
}  // namespace enforcer::pages::test
