#include "host/image.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace enforcer::host {
namespace {

/// A root with an image "mini" whose files have the sizes that its description gives.
struct Root {
  Root() {
    std::filesystem::create_directories(folder());
    write("vmlinuz", "kernel");
    write("initramfs", "programs");
    write("image.json",
          R"({"name":"mini","kernel_version":"6.1","files":{"vmlinuz":{"size":6},"initramfs":{"size":8}}})");
  }
  ~Root() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string folder() const { return path + "/mini"; }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder() + "/" + name, std::ios::trunc) << text;
    ::chmod((folder() + "/" + name).c_str(), 0644);
  }
  [[nodiscard]] std::string error() const {
    const auto image = open_image({path}, "mini");
    return image ? "" : image.error().message.substr(0, image.error().message.find("; build it"));
  }

  std::string path = "/tmp/image-test-" + std::to_string(::getpid());
};

TEST_CASE("image_is_found_in_the_first_root_that_has_it") {
  const Root root;
  const auto image = open_image({"/nonexistent", root.path}, "mini");
  REQUIRE(image);
  CHECK(image->kernel_version == "6.1");
  char bytes[16] = {};
  CHECK(::read(image->initramfs.get(), bytes, sizeof bytes) == 8);
  CHECK(std::string(bytes) == "programs");
}

TEST_CASE("missing_image_names_the_roots_and_how_to_build_it") {
  const Root root;
  const auto image = open_image({"/nonexistent", root.path}, "maxi");
  REQUIRE_FALSE(image);
  CHECK(image.error().code == Errc::kNotFound);
  CHECK(image.error().message ==
        "no image 'maxi' in /nonexistent, " + root.path + ": build it with vm-images/build-mini");
}

TEST_CASE("image_name_cannot_leave_its_root") {
  const Root root;
  for (const char* name : {"", "../mini", "mini/", ".", "MINI", "mini\n"}) {
    const auto image = open_image({root.path}, name);
    REQUIRE_FALSE(image);
    CHECK(image.error().code == Errc::kInvalid);
  }
}

TEST_CASE("image_with_a_file_missing_or_cut_short_is_refused") {
  const Root root;
  root.write("initramfs", "prog");
  CHECK(root.error() == root.folder() + "/initramfs: 4 bytes, which is not what image.json says");
  std::filesystem::remove(root.folder() + "/initramfs");
  CHECK(root.error() == root.folder() + "/initramfs: No such file or directory");
  root.write("image.json", "{");
  CHECK(root.error() == root.folder() + "/image.json: not a JSON object");
}

TEST_CASE("image_that_others_may_write_or_that_is_a_link_is_refused") {
  const Root root;
  ::chmod((root.folder() + "/vmlinuz").c_str(), 0666);
  CHECK(root.error() == root.folder() + "/vmlinuz: others than its owner may write it (chmod go-w)");
  ::chmod((root.folder() + "/vmlinuz").c_str(), 0600);
  CHECK(root.error() ==
        root.folder() + "/vmlinuz: QEMU, which runs as an unprivileged user, may not read it (chmod a+r)");
  std::filesystem::remove(root.folder() + "/vmlinuz");
  std::filesystem::create_symlink("/etc/shadow", root.folder() + "/vmlinuz");
  CHECK(root.error() == root.folder() + "/vmlinuz: Too many levels of symbolic links");
}

}  // namespace
}  // namespace enforcer::host
