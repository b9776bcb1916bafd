#include "base/give_back.h"

#include <doctest/doctest.h>

using namespace enforcer;

TEST_CASE("given_back_means_without_memory_and_emptied_does_not") {
  std::vector<int> given_back(1000);
  std::vector<int> emptied(1000);
  give_back(given_back);
  emptied = {};
  CHECK(given_back.capacity() == 0);
  CHECK(emptied.empty());
  CHECK(emptied.capacity() == 1000);
}
