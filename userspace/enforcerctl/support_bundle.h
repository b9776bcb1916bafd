// What `support-bundle` collects: for somebody who helps and was not there. Everything in it is what a viewer may ask
// the daemon for, configuration with its secrets masked, and facts about the host. No value of a credential, no key, no
// body of a request: none of these is ever read.
#pragma once

#include <vector>

#include "enforcerctl/archive.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

/// The answers of the verbs that show what there is, and facts. Of a verb that fails there is NAME.err, with what it
/// said and its exit code, and NAME only where it answered all the same. `records`: the last so many of the audit log.
[[nodiscard]] std::vector<ArchiveFile> collect_bundle(const Tool& tool, unsigned records);

}  // namespace enforcer::ctl
