// read_sources(): from paths to texts. A policy decides what a guest may do, so the path to it is part of the attack
// surface: a file is opened once, never through a symbolic link, and what is checked is the open file and not the name.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/fd.h"
#include "policy/loader.h"
#include "policy/yaml_reader.h"

namespace enforcer::policy {
namespace {

Errc errc_of(int error) {
  if (error == ENOENT) return Errc::kNotFound;
  return error == EACCES ? Errc::kDenied : Errc::kIo;
}

std::unexpected<Error> refuse(const std::string& path, std::string_view why, Errc code = Errc::kInvalid) {
  return fail(code, fmt::format("{}: {}", path, why));
}

/// Whoever could change the file could change the policy.
Result<> check_owner(const std::string& path, const struct stat& status, SourceUse use) {
  if (use == SourceUse::kInspect) return {};
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    return refuse(path,
                  fmt::format("belongs to user {}, and must belong to root or to user {}", status.st_uid, geteuid()),
                  Errc::kDenied);
  }
  if (status.st_mode & (S_IWGRP | S_IWOTH)) {
    return refuse(path, "is writable by others than its owner: chmod go-w", Errc::kDenied);
  }
  return {};
}

Result<SourceText> read_file(const std::string& path, Fd file, const struct stat& status, SourceUse use) {
  TRY_VOID(check_owner(path, status, use));
  if (status.st_size > static_cast<off_t>(kMaxSourceBytes)) return refuse(path, "is larger than 1 MiB");
  SourceText source{path, {}};
  char buffer[16384];
  while (source.text.size() <= kMaxSourceBytes) {
    const ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(path);
    if (got == 0) return source;
    source.text.append(buffer, static_cast<std::size_t>(got));
  }
  return refuse(path, "is larger than 1 MiB");  // it grew while it was read
}

/// The paths of a folder's policy files, sorted.
Result<std::vector<std::string>> list_folder(const std::string& path, Fd folder) {
  const std::unique_ptr<DIR, decltype([](DIR* stream) { closedir(stream); })> stream(fdopendir(folder.get()));
  if (!stream) return fail_errno(path);
  (void)folder.release();  // the stream closes it
  std::vector<std::string> paths;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    const bool policy = name.ends_with(".yaml") || name.ends_with(".yml");
    if (policy && !name.starts_with('.'))
      paths.push_back(fmt::format("{}{}{}", path, path.ends_with('/') ? "" : "/", name));
    errno = 0;
  }
  if (errno != 0) return fail_errno(path);
  std::ranges::sort(paths);
  return paths;
}

enum class Depth { kNamed, kInFolder };

Result<> take_path(const std::string& path, SourceUse use, Depth depth, std::vector<SourceText>& into,
                   std::vector<Error>& errors) {
  // O_NONBLOCK: a FIFO put there must not stop the daemon.
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file.valid() && errno == ELOOP) return refuse(path, "is a symbolic link, which is not followed");
  if (!file.valid()) return refuse(path, std::strerror(errno), errc_of(errno));
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail_errno(path);
  if (S_ISREG(status.st_mode)) {
    into.push_back(TRY(read_file(path, std::move(file), status, use)));
    return {};
  }
  if (!S_ISDIR(status.st_mode)) return refuse(path, "is neither a regular file nor a folder");
  if (depth == Depth::kInFolder) return refuse(path, "is a folder inside a folder of policies");
  TRY_VOID(check_owner(path, status, use));
  for (const std::string& inner : TRY(list_folder(path, std::move(file)))) {
    if (const auto taken = take_path(inner, use, Depth::kInFolder, into, errors); !taken)
      errors.push_back(taken.error());
  }
  return {};
}

}  // namespace

Result<std::vector<SourceText>> read_sources(const std::vector<std::string>& files_or_folders, SourceUse use) {
  std::vector<SourceText> sources;
  std::vector<Error> errors;
  for (const std::string& path : files_or_folders) {
    if (const auto taken = take_path(path, use, Depth::kNamed, sources, errors); !taken)
      errors.push_back(taken.error());
  }
  if (!errors.empty()) {
    std::string all;
    for (const Error& error : errors) all += (all.empty() ? "" : "; ") + error.message;
    return fail(errors.front().code, std::move(all));
  }
  std::ranges::sort(sources, {}, &SourceText::name);
  // A file that is named twice, or named beside its folder, is one file.
  const auto repeated = std::ranges::unique(sources, {}, &SourceText::name);
  sources.erase(repeated.begin(), repeated.end());
  return sources;
}

}  // namespace enforcer::policy
