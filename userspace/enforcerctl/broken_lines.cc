#include "enforcerctl/broken_lines.h"

#include <fmt/format.h>

#include "audit/verify.h"
#include "base/text.h"

namespace enforcer::ctl {
namespace {

constexpr std::uint64_t kMostNamed = 20;

}  // namespace

Result<LogState> tell_broken_lines(const Tool& tool, const std::string& path, const audit::Reader& reader,
                                   std::uint64_t records) {
  // A log of whole records is not read twice. One without any may be a single line that never ends.
  if (reader.skipped() == 0 && records > 0) return LogState::kReadable;
  const audit::Verification found =
      TRY(audit::verify({.path = path, .head_file = audit::VerifyOptions::HeadFile::kOptional}));
  std::uint64_t broken = 0;
  for (const audit::ChainFinding& finding : found.findings) {
    if (finding.fault != audit::ChainFault::kTorn || finding.place.line == 0) continue;
    if (++broken <= kMostNamed) {
      tool.say(fmt::format("{}:{}: {}", found.files[finding.place.file], finding.place.line, finding.detail));
    }
  }
  const bool given_up = found.end == audit::Verification::End::kNotReached;
  if (broken == 0 && !given_up) return LogState::kReadable;
  tool.say(fmt::format("{}{} left out: 'enforcerctl audit verify {}' says more", given_up ? "at least " : "",
                       count_of(broken, "line"), path));
  return LogState::kBroken;
}

}  // namespace enforcer::ctl
