// A suggested policy: what was seen and allowed, as rules with their grounds in comments; what was denied, as comments.
//
// It is minimal: a host and port has one rule for each thing that was seen there, wildcards in names are never invented
// (where many names have one parent a comment says so), and paths are no wider than path_template.h makes them. Where
// TLS passed through untouched nobody saw the requests, so there the whole host and port is allowed.
//
// It is safe to write: every value was found to be one that a policy can name and is quoted, everything else stands in
// comments, which stay one line whatever is in them. And it is checked before anybody sees it: the text is loaded as
// `policy check` would, and every decision that it was made of is asked again; what it does not allow is listed.
#pragma once

#include <string>

#include "base/deadline.h"
#include "base/ids.h"
#include "base/result.h"
#include "enforcerctl/history.h"

namespace enforcer::ctl {

struct SuggestionTitle {
  std::string name;   ///< of the policy; policy::is_name()
  std::string guest;  ///< whom it selects: this guest, or where it is empty those with
  Labels labels;
};

/// The YAML. kInvalid: it does not load, with the diagnostics: labels that no policy can have, or a failure of ours.
Result<std::string> suggest_policy(const History& history, const SuggestionTitle& title, WallClock::time_point now);

}  // namespace enforcer::ctl
