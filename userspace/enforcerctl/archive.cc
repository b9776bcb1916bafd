#include "enforcerctl/archive.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/files.h"

namespace enforcer::ctl {
namespace {

namespace fs = std::filesystem;

/// A folder of this process alone, removed with everything in it.
class OwnFolder {
 public:
  static Result<OwnFolder> make() {
    std::string path = fs::temp_directory_path() / "enforcer-support-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) return fail_errno(path);
    return OwnFolder(std::move(path));
  }
  OwnFolder(OwnFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  OwnFolder& operator=(OwnFolder&&) = delete;
  ~OwnFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit OwnFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<> run_tar(const std::string& parent, const std::string& folder, const Fd& to) {
  std::array<std::string, 8> words{
      "tar", "--create", "--gzip", "--owner=0", "--group=0", "--numeric-owner", "--directory=" + parent, folder};
  std::array<char*, 9> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  pid_t tar = 0;
  const int failed = posix_spawnp(&tar, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail(Errc::kUnavailable, fmt::format("tar: {}", std::strerror(failed)));
  int status = 0;
  while (waitpid(tar, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return fail(Errc::kIo, "tar failed");
  return {};
}

}  // namespace

Result<> write_archive(const std::vector<ArchiveFile>& contents, const std::string& folder, const Fd& to) {
  const OwnFolder own = TRY(OwnFolder::make());
  for (const ArchiveFile& file : contents) {
    const fs::path path = fs::path(own.path()) / folder / file.name;
    std::error_code failed;
    fs::create_directories(path.parent_path(), failed);
    if (failed) return fail(Errc::kIo, fmt::format("{}: {}", path.parent_path().string(), failed.message()));
    TRY_VOID(write_atomically(path, file.text, 0600, Survives::kProgram));
  }
  return run_tar(own.path(), folder, to);
}

}  // namespace enforcer::ctl
