// enforcer-pages SET FOLDER: writes a set of generated pages below a folder. Runs while Enforcer is built; it is not
// installed.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "pages/pages.h"

namespace {

bool write(const std::filesystem::path& path, const std::string& text) {
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file.fail()) std::fprintf(stderr, "enforcer-pages: cannot write %s\n", path.c_str());
  return !file.fail();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view set = argc == 3 ? argv[1] : "";
  if (set != "shipped" && set != "manual") {
    std::fprintf(stderr, "usage: enforcer-pages shipped|manual FOLDER\n");
    return 2;
  }
  const auto pages = set == "shipped" ? enforcer::pages::shipped_pages() : enforcer::pages::manual_pages();
  for (const auto& page : pages) {
    if (!write(std::filesystem::path(argv[2]) / page.path, page.text)) return 1;
  }
  return 0;
}
