#include "enforcerctl/policy_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

namespace enforcer::ctl {
namespace {

/// The limit of a policy file; the loader says so when it is passed.
constexpr std::size_t kMaxStdin = (std::size_t{1} << 20) + 1;

Result<std::string> read_stdin() {
  std::string text;
  std::array<char, 16 * 1024> buffer;
  while (text.size() < kMaxStdin) {
    const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno("standard input");
    if (size == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return fail(Errc::kInvalid, "standard input: a policy file has at most 1 MiB");
}

}  // namespace

Result<std::vector<policy::SourceText>> read_policy_files(const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  std::vector<policy::SourceText> sources;
  for (const std::string& name : names) {
    if (name != "-") {
      paths.push_back(name);
    } else if (sources.empty()) {
      sources.push_back({.name = "<stdin>", .text = TRY(read_stdin())});
    }
  }
  if (!paths.empty()) {
    for (auto& source : TRY(policy::read_sources(paths, policy::SourceUse::kInspect))) {
      sources.push_back(std::move(source));
    }
  }
  if (sources.empty()) return fail(Errc::kInvalid, "no policy file (*.yaml, *.yml) there");
  return sources;
}

}  // namespace enforcer::ctl
