#include "host/accelerator.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/files.h"

namespace enforcer::host {
namespace {

constexpr const char* kKvmDevice = "/dev/kvm";
constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";
constexpr std::size_t kMaxMemory = 1024;

/// The first line of a small file; empty when there is none.
std::string first_line(const char* path) {
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return {};
  std::array<char, kMaxMemory> bytes{};
  const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
  if (count <= 0) return {};
  const std::string_view text(bytes.data(), static_cast<std::size_t>(count));
  return std::string(text.substr(0, text.find('\n')));
}

/// What remember_accelerator() wrote: "<boot id> <kvm|tcg> <reason>".
std::optional<AcceleratorPlan> recall(const std::string& memory_file) {
  const std::string line = first_line(memory_file.c_str());
  const std::string boot = first_line(kBootIdFile);
  if (boot.empty() || !line.starts_with(boot + " ")) return std::nullopt;
  const std::string_view rest = std::string_view(line).substr(boot.size() + 1);
  const auto space = rest.find(' ');
  const std::string_view name = rest.substr(0, space);
  const std::string_view reason = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  if (name == to_string(Accelerator::kKvm)) return AcceleratorPlan{.use = Accelerator::kKvm, .reason = {}};
  if (name == to_string(Accelerator::kTcg)) return AcceleratorPlan{.reason = std::string(reason)};
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Accelerator accelerator) {
  return accelerator == Accelerator::kKvm ? "kvm" : "tcg";
}

Result<std::optional<gid_t>> kvm_group() {
  struct stat status{};
  if (::stat(kKvmDevice, &status) != 0)
    return fail(Errc::kUnavailable, fmt::format("{}: {}", kKvmDevice, std::strerror(errno)));
  const Fd device(::open(kKvmDevice, O_RDWR | O_CLOEXEC));
  if (!device.valid()) return fail(Errc::kUnavailable, fmt::format("{}: {}", kKvmDevice, std::strerror(errno)));
  if ((status.st_mode & 0006) == 0006) return std::optional<gid_t>();
  // Guests' QEMU is never given the group root for it.
  if ((status.st_mode & 0060) == 0060 && status.st_gid != 0) return std::optional<gid_t>(status.st_gid);
  return fail(Errc::kUnavailable,
              fmt::format("{} may be opened by root only: give it to a group (chgrp kvm {} && chmod 660 {})",
                          kKvmDevice, kKvmDevice, kKvmDevice));
}

Result<AcceleratorPlan> plan_accelerator(AcceleratorChoice choice, const std::string& memory_file) {
  if (choice == AcceleratorChoice::kTcg) return AcceleratorPlan{};
  const auto group = kvm_group();
  if (choice == AcceleratorChoice::kKvm) {
    if (!group) return fail_in("accelerator: kvm was asked for", group.error());
    return AcceleratorPlan{.use = Accelerator::kKvm, .reason = {}};
  }
  if (!group) return AcceleratorPlan{.reason = group.error().message};
  if (auto known = recall(memory_file)) return *known;
  return AcceleratorPlan{.use = Accelerator::kKvm, .proof = AcceleratorPlan::Proof::kOnTrial, .reason = {}};
}

Result<> remember_accelerator(const std::string& memory_file, Accelerator proven, std::string_view reason) {
  std::string line =
      fmt::format("{} {} {}", first_line(kBootIdFile), to_string(proven), reason).substr(0, kMaxMemory - 1);
  std::ranges::replace(line, '\n', ' ');
  line += '\n';
  return write_atomically(memory_file, line, 0600, Survives::kProgram);  // it is known for one boot only
}

}  // namespace enforcer::host
