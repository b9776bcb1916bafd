// What `doctor --fix` does: of what its checks found, that which a program can safely put right. Each step is what the
// daemons or their packages do themselves, does nothing when it was done, and lets no guest do more than its policies
// say.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "enforcerctl/doctor_checks.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

struct Mended {
  std::string check;  ///< its name
  std::string what;
  Result<> outcome;
};

/// Takes every step that the checks offer, and says each. Needs root: kDenied for all of them otherwise.
std::vector<Mended> mend(const Tool& tool, const std::vector<Check>& checks);

// ---- Steps. kIo, kUnavailable: why it failed.
[[nodiscard]] bool is_bpffs(const std::string& mount_point);
/// Does nothing where one is there.
Result<> mount_bpffs(const std::string& mount_point);
/// A group of the system, which has no members yet.
Result<> make_group(const std::string& name);

}  // namespace enforcer::ctl
