// enforcer-pages SET FOLDER: writes a set of generated pages below a folder. Runs while Enforcer is built; it is not
// installed.
#include <cstdio>
#include <filesystem>
#include <string_view>

#include "base/files.h"
#include "pages/pages.h"

namespace {

enforcer::Result<> write(const std::filesystem::path& path, const std::string& text) {
  std::error_code ignored;  // then the file cannot be written either, and that is said
  std::filesystem::create_directories(path.parent_path(), ignored);
  return enforcer::write_atomically(path, text, 0644, enforcer::Survives::kProgram);
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
    if (const auto written = write(std::filesystem::path(argv[2]) / page.path, page.text); !written) {
      std::fprintf(stderr, "enforcer-pages: %s\n", written.error().message.c_str());
      return 1;
    }
  }
  return 0;
}
