#include "host/image.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "../temporary_folder.h"
#include "base/digest.h"

namespace enforcer::host {
namespace {

using Readiness = ImageStore::Readiness;

/// A root with an image "mini" that is what its description says.
struct ImageRoot {
  ImageRoot() {
    std::filesystem::create_directories(folder());
    write("vmlinuz", "kernel");
    write("initramfs", "programs");
    describe();
  }
  [[nodiscard]] std::string folder() const { return path + "/mini"; }
  void put(const std::string& name, std::string_view text) const {
    std::ofstream(folder() + "/" + name, std::ios::trunc) << text;
    ::chmod((folder() + "/" + name).c_str(), 0644);
  }
  void write(const std::string& name, std::string_view text) {
    put(name, text);
    contents[name] = text;
  }
  /// What was written so far, as image.json.
  void describe() const {
    std::string files;
    for (const auto& [name, text] : contents)
      files += fmt::format(R"({}"{}":{{"size":{},"sha256":"{}"}})", files.empty() ? "" : ",", name, text.size(),
                           sha256_hex(text));
    put("image.json",
        fmt::format(R"({{"profile":"mini","kernel_version":"6.1","memory_mib":300,"files":{{{}}}}})", files));
  }
  [[nodiscard]] std::string error() const {
    ImageStore store({path});
    return error_of(store);
  }
  static std::string error_of(ImageStore& store) {
    const auto image = store.open("mini");
    return image ? "" : image.error().message.substr(0, image.error().message.find("; build it"));
  }

  TemporaryFolder own;
  std::string path = own.path();
  std::map<std::string, std::string> contents;
};

std::string text_of(const Fd& file) {
  char bytes[64] = {};
  const ssize_t count = ::read(file.get(), bytes, sizeof bytes);
  return {bytes, count < 0 ? 0 : static_cast<std::size_t>(count)};
}

void wait_readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 20'000) == 1);
}

TEST_CASE("image_is_found_in_the_first_root_that_has_it") {
  ImageRoot root;
  ImageStore store({"/nonexistent", root.path});
  const auto image = store.open("mini");
  REQUIRE(image);
  CHECK(image->name == "mini");
  CHECK(image->profile == "mini");
  CHECK(image->kernel_version == "6.1");
  CHECK(image->memory_mib == 300);
  CHECK(text_of(image->kernel) == "kernel");
  CHECK(text_of(image->initramfs) == "programs");
  CHECK_FALSE(image->root.valid());
}

TEST_CASE("image_with_a_root_file_system_brings_it") {
  ImageRoot root;
  root.write("root.erofs", "everything");
  root.describe();
  ImageStore store({root.path});
  const auto image = store.open("mini");
  REQUIRE(image);
  CHECK(text_of(image->root) == "everything");
  // One that is described and gone is no image without a root.
  std::filesystem::remove(root.folder() + "/root.erofs");
  CHECK(root.error() == root.folder() + "/root.erofs: No such file or directory");
}

TEST_CASE("missing_image_names_the_roots_and_how_to_build_it") {
  ImageRoot root;
  ImageStore store({"/nonexistent", root.path});
  const auto image = store.open("maxi");
  REQUIRE_FALSE(image);
  CHECK(image.error().code == Errc::kNotFound);
  CHECK(image.error().message ==
        "no image 'maxi' in /nonexistent, " + root.path + ": build it with 'enforcerctl image build'");
}

TEST_CASE("image_name_cannot_leave_its_root") {
  ImageRoot root;
  ImageStore store({root.path});
  for (const char* name : {"", "../mini", "mini/", ".", "MINI", "mini\n"}) {
    const auto image = store.open(name);
    REQUIRE_FALSE(image);
    CHECK(image.error().code == Errc::kInvalid);
  }
}

TEST_CASE("image_with_a_file_missing_or_cut_short_is_refused") {
  ImageRoot root;
  CHECK(root.error().empty());
  root.put("initramfs", "prog");
  CHECK(root.error() == root.folder() + "/initramfs: 4 bytes, which is not what image.json says");
  std::filesystem::remove(root.folder() + "/initramfs");
  CHECK(root.error() == root.folder() + "/initramfs: No such file or directory");
  root.put("image.json", "{");
  CHECK(root.error() == root.folder() + "/image.json: not a JSON object");
  std::filesystem::remove(root.folder() + "/image.json");
  CHECK(root.error() == root.folder() + "/image.json: No such file or directory");
}

TEST_CASE("file_of_the_right_size_and_the_wrong_content_is_refused") {
  ImageRoot root;
  root.put("initramfs", "Programs");
  CHECK(root.error() == fmt::format("{}/initramfs: its SHA-256 is {}, which is not what image.json says", root.folder(),
                                    sha256_hex("Programs")));
  // And still when it is asked for again, now that its hash is known.
  ImageStore store({root.path});
  const std::string first = ImageRoot::error_of(store);
  CHECK_FALSE(first.empty());
  CHECK(ImageRoot::error_of(store) == first);
  root.write("initramfs", "Programs");
  root.describe();
  CHECK(ImageRoot::error_of(store).empty());
}

TEST_CASE("image_that_others_may_write_or_that_is_a_link_is_refused") {
  ImageRoot root;
  ::chmod((root.folder() + "/vmlinuz").c_str(), 0666);
  CHECK(root.error() == root.folder() + "/vmlinuz: others than its owner may write it (chmod go-w)");
  ::chmod((root.folder() + "/vmlinuz").c_str(), 0600);
  CHECK(root.error() ==
        root.folder() + "/vmlinuz: QEMU, which runs as an unprivileged user, may not read it (chmod a+r)");
  std::filesystem::remove(root.folder() + "/vmlinuz");
  std::filesystem::create_symlink("/etc/shadow", root.folder() + "/vmlinuz");
  CHECK(root.error() == root.folder() + "/vmlinuz: Too many levels of symbolic links");
  std::filesystem::remove(root.folder() + "/vmlinuz");
  std::filesystem::create_directory(root.folder() + "/vmlinuz");
  CHECK(root.error() == root.folder() + "/vmlinuz: not a regular file");
}

TEST_CASE("files_are_read_once_and_again_when_they_have_changed") {
  ImageRoot root;
  ImageStore store({root.path});
  CHECK(*store.prepare("mini") == Readiness::kChecking);
  wait_readable(store.checking());
  CHECK(*store.prepare("mini") == Readiness::kReady);
  CHECK(store.checking() == -1);
  CHECK(*store.prepare("mini") == Readiness::kReady);
  REQUIRE(store.open("mini"));

  // The same content, written anew: its time says so.
  root.put("vmlinuz", "kernel");
  CHECK(*store.prepare("mini") == Readiness::kChecking);
  wait_readable(store.checking());
  CHECK(*store.prepare("mini") == Readiness::kReady);

  // Another content with the time of the first: the time of the change says so.
  const auto modified = std::filesystem::last_write_time(root.folder() + "/vmlinuz");
  root.put("vmlinuz", "Kernel");
  std::filesystem::last_write_time(root.folder() + "/vmlinuz", modified);
  CHECK(*store.prepare("mini") == Readiness::kChecking);
  wait_readable(store.checking());
  const auto refused = store.prepare("mini");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kInvalid);
}

TEST_CASE("second_image_waits_for_the_check_of_the_first") {
  ImageRoot root;
  std::filesystem::copy(root.folder(), root.path + "/other");
  ImageStore store({root.path});
  CHECK(*store.prepare("mini") == Readiness::kChecking);
  CHECK(*store.prepare("other") == Readiness::kChecking);
  for (int turn = 0; turn < 2 && *store.prepare("other") == Readiness::kChecking; ++turn)
    wait_readable(store.checking());
  CHECK(*store.prepare("other") == Readiness::kReady);
  CHECK(*store.prepare("mini") == Readiness::kReady);
}

}  // namespace
}  // namespace enforcer::host
