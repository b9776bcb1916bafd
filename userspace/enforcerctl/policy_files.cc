#include "enforcerctl/policy_files.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace enforcer::ctl {
namespace {

/// One more than a policy file may have: the loader says so when it is passed.
constexpr std::size_t kMostStdin = (std::size_t{1} << 20) + 1;

policy::SourceText read_stdin() {
  policy::SourceText source{.name = "<stdin>", .text = {}};
  std::array<char, 16 * 1024> buffer;
  while (source.text.size() < kMostStdin) {
    const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) source.refusal = policy::Refusal{policy::Code::kUnreadable, std::strerror(errno)};
    if (size <= 0) break;
    source.text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return source;
}

/// Whether the source is the file, or one in the folder.
bool comes_from(const policy::SourceText& source, const std::string& path) {
  return source.name == path || source.name.starts_with(path.ends_with('/') ? path : path + "/");
}

}  // namespace

std::vector<policy::SourceText> read_policy_files(const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  std::ranges::copy_if(names, std::back_inserter(paths), [](const std::string& name) { return name != "-"; });
  auto sources = policy::read_sources(paths, policy::SourceUse::kInspect);
  std::vector<policy::SourceText> empty;
  for (const std::string& path : paths) {
    if (std::ranges::any_of(sources, [&](const auto& source) { return comes_from(source, path); })) continue;
    empty.push_back({.name = path,
                     .text = {},
                     .refusal = policy::Refusal{policy::Code::kUnreadable, "no policy file (*.yaml, *.yml) there"}});
  }
  std::ranges::move(empty, std::back_inserter(sources));
  if (paths.size() < names.size()) sources.push_back(read_stdin());
  return sources;
}

std::unexpected<Error> not_loaded(std::string_view what, std::span<const policy::Diagnostic> diagnostics) {
  std::string text(what);
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == policy::Severity::kError) text += "\n" + diagnostic.to_string();
  }
  return fail(Errc::kNotLoaded, std::move(text));
}

}  // namespace enforcer::ctl
