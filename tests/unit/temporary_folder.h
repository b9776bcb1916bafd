// A folder of the test's own, which goes with the object, and the files in it.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace enforcer {

/// Nobody but who made it may enter it (mkdtemp: mode 0700).
class TemporaryFolder {
 public:
  TemporaryFolder() { REQUIRE(mkdtemp(path_.data()) != nullptr); }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// The path of a file in it, which need not be there.
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

  /// A new file takes the place of an old one; returns its path.
  std::string write(std::string_view name, std::string_view text, mode_t mode = 0600) const {
    const std::filesystem::path path = file(name);
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << text;
    REQUIRE(chmod(path.c_str(), mode) == 0);
    return path;
  }

  /// All of a file; nothing where there is none.
  [[nodiscard]] std::string read(std::string_view name) const {
    std::ifstream stream(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  /// Its permission bits.
  [[nodiscard]] mode_t mode(std::string_view name) const {
    struct stat status{};
    REQUIRE(lstat(file(name).c_str(), &status) == 0);
    return status.st_mode & 07777;
  }

 private:
  std::string path_ = "/tmp/enforcer-unit-XXXXXX";
};

}  // namespace enforcer
