#include "audit/head.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "audit/files.h"

namespace enforcer::audit {

std::string head_file_name(const std::string& path) {
  return path + ".head";
}

Result<std::optional<Head>> read_head(const std::string& path) {
  const std::string name = head_file_name(path);
  const auto file = open_for_reading(name);
  if (!file && file.error().code == Errc::kNotFound) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  std::array<char, 128> text;  // more than the longest head
  const ssize_t count = pread(file->get(), text.data(), text.size(), 0);
  if (count < 0) return fail_errno(name);
  std::string_view line(text.data(), static_cast<std::size_t>(count));
  if (!line.ends_with('\n')) return fail(Errc::kInvalid, name + ": is not NUMBER:HASH");
  line.remove_suffix(1);
  const auto head = Head::parse(line);
  if (!head) return fail(Errc::kInvalid, name + ": is not NUMBER:HASH");
  return *head;
}

Result<> write_head(const std::string& path, const Head& head) {
  const std::string name = head_file_name(path);
  const std::string aside = name + ".new";
  const std::string text = head.to_string() + "\n";
  unlink(aside.c_str());  // of a run that was killed, or somebody's link
  const Fd file(open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!file.valid()) return fail_errno(fmt::format("writing {}", aside));
  const ssize_t count = write(file.get(), text.data(), text.size());
  if (count >= 0 && static_cast<std::size_t>(count) != text.size()) errno = ENOSPC;
  if (count < 0 || static_cast<std::size_t>(count) != text.size() || fdatasync(file.get()) != 0 ||
      rename(aside.c_str(), name.c_str()) != 0) {
    return fail_errno(fmt::format("writing {}", name));
  }
  return {};
}

}  // namespace enforcer::audit
