// What is generated from the tables that the loaders read by, and where it belongs.
#pragma once

#include <string>
#include <vector>

namespace enforcer::pages {

struct Page {
  std::string path;  ///< relative
  std::string text;
};

/// What is kept in the repository, by its path there: schemas for editors and the reference. A test compares.
[[nodiscard]] std::vector<Page> shipped_pages();

}  // namespace enforcer::pages
