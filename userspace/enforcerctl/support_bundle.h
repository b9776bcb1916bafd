// What `support-bundle` collects: for somebody who helps and was not there. Everything in it is what a viewer may ask
// the daemon for, configuration with its secrets masked, and facts about the host. No value of a credential, no key, no
// body of a request: none of these is ever read.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

struct BundleFile {
  std::string name;  ///< "status.json", "config/1-agent.yaml"; [a-z0-9./-] only
  std::string text;
};

/// The verbs whose answers are in it, as they are run, and what comes of them when they fail. `records`: the last so
/// many of the audit log.
[[nodiscard]] std::vector<BundleFile> collect_bundle(const Tool& tool, unsigned records);

/// Writes a .tar.gz of the files, in a folder `folder`, to `to`: Debian's own tar and gzip make it. kIo, kUnavailable.
Result<> write_archive(const std::vector<BundleFile>& files, const std::string& folder, const Fd& to);

}  // namespace enforcer::ctl
