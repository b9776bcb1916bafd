// read_sources(): from paths to texts. A policy decides what a guest may do, so the path to it is part of the attack
// surface: what is enforced is opened once, never through a symbolic link, and what is checked is the open file and not
// the name. A person who only looks at policies may name whatever they can read: a link, as files of a ConfigMap and of
// configuration managers are, or a pipe of the shell.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <expected>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "policy/loader.h"
#include "policy/yaml_reader.h"

namespace enforcer::policy {
namespace {

using Taken = std::expected<void, Refusal>;

std::unexpected<Refusal> refuse(std::string why, Code code = Code::kUnreadable) {
  return std::unexpected(Refusal{code, std::move(why)});
}

std::unexpected<Refusal> refuse_errno() {
  return refuse(std::strerror(errno));
}

/// Whoever could change the file could change the policy.
Taken check_owner(const struct stat& status, SourceUse use) {
  if (use == SourceUse::kInspect) return {};
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    return refuse(fmt::format("belongs to user {}, and must belong to root or to user {}", status.st_uid, geteuid()));
  }
  if (status.st_mode & (S_IWGRP | S_IWOTH)) return refuse("is writable by others than its owner: chmod go-w");
  return {};
}

std::expected<std::string, Refusal> read_open_file(const Fd& file, const struct stat& status) {
  if (status.st_size > static_cast<off_t>(kMaxSourceBytes)) {
    return refuse(fmt::format("the file has {} bytes; at most {} are read", status.st_size, kMaxSourceBytes),
                  Code::kTooLarge);
  }
  std::string text;
  char buffer[16384];
  while (text.size() <= kMaxSourceBytes) {
    const ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno();
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  // A pipe, or it grew while it was read.
  return refuse(fmt::format("there are more than {} bytes; at most that many are read", kMaxSourceBytes),
                Code::kTooLarge);
}

/// The paths of a folder's policy files, sorted.
std::expected<std::vector<std::string>, Refusal> list_folder(const std::string& path, Fd folder) {
  const std::unique_ptr<DIR, decltype([](DIR* stream) { closedir(stream); })> stream(fdopendir(folder.get()));
  if (!stream) return refuse_errno();
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
  if (errno != 0) return refuse_errno();
  std::ranges::sort(paths);
  return paths;
}

enum class Depth { kNamed, kInFolder };

int open_flags(SourceUse use, Depth depth) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
  // O_NONBLOCK: a FIFO put there must not stop the daemon. Whoever names one to the tool waits for its writer.
  if (use == SourceUse::kEnforce) return kFlags | O_NOFOLLOW | O_NONBLOCK;
  return depth == Depth::kInFolder ? kFlags | O_NONBLOCK : kFlags;
}

bool is_readable_kind(mode_t mode, SourceUse use, Depth depth) {
  const bool named = use == SourceUse::kInspect && depth == Depth::kNamed;
  return S_ISREG(mode) || (named && (S_ISFIFO(mode) || S_ISCHR(mode)));
}

Taken take_path(const std::string& path, SourceUse use, Depth depth, std::vector<SourceText>& into);

/// The path, with its text or with why there is none.
void take_source(const std::string& path, SourceUse use, Depth depth, std::vector<SourceText>& into) {
  if (auto taken = take_path(path, use, depth, into); !taken)
    into.push_back({.name = path, .text = {}, .refusal = std::move(taken).error()});
}

Taken take_path(const std::string& path, SourceUse use, Depth depth, std::vector<SourceText>& into) {
  Fd file(open(path.c_str(), open_flags(use, depth)));
  if (!file.valid() && errno == ELOOP && use == SourceUse::kEnforce)
    return refuse("is a symbolic link, which is not followed");
  if (!file.valid()) return refuse_errno();
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return refuse_errno();
  const bool folder = S_ISDIR(status.st_mode);
  if (!folder && !is_readable_kind(status.st_mode, use, depth)) return refuse("is neither a regular file nor a folder");
  if (folder && depth == Depth::kInFolder) return refuse("is a folder inside a folder of policies");
  TRY_VOID(check_owner(status, use));
  if (!folder) {
    into.push_back({.name = path, .text = TRY(read_open_file(file, status))});
    return {};
  }
  for (const std::string& inner : TRY(list_folder(path, std::move(file))))
    take_source(inner, use, Depth::kInFolder, into);
  return {};
}

}  // namespace

std::vector<SourceText> read_sources(const std::vector<std::string>& files_or_folders, SourceUse use) {
  std::vector<SourceText> sources;
  for (const std::string& path : files_or_folders) take_source(path, use, Depth::kNamed, sources);
  std::ranges::sort(sources, {}, &SourceText::name);
  // A file that is named twice, or named beside its folder, is one file.
  const auto repeated = std::ranges::unique(sources, {}, &SourceText::name);
  sources.erase(repeated.begin(), repeated.end());
  return sources;
}

}  // namespace enforcer::policy
