// What is generated from the tables that the loaders read by, the list of reasons and the metrics, and where it
// belongs.
#pragma once

#include <string>
#include <vector>

namespace enforcer::pages {

struct Page {
  std::string path;  ///< relative
  std::string text;
};

/// What is kept in the repository, by its path there: schemas for editors and reference pages. A test compares.
[[nodiscard]] std::vector<Page> shipped_pages();

/// What is made anew by each build, by its name: manual pages, which have the version in them.
[[nodiscard]] std::vector<Page> manual_pages();

}  // namespace enforcer::pages
