// The rules of a suggested policy as YAML, with the grounds for each in a comment.
#pragma once

#include <set>
#include <string>

#include "enforcerctl/sightings.h"

namespace enforcer::ctl {

class RuleText {
 public:
  /// Adds the rules for one host and port.
  void add(const std::string& target, const Sighting& seen);
  /// Items of an `allow` list, indented by four; empty when there are none.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  enum class Suffix { kNone, kWebSocket, kAws, kGit };

  void begin(const std::string& target, const Sighting& seen, Suffix suffix, const std::string& why);
  void add_requests(const std::vector<SeenRequest>& requests);
  void add_git(const std::string& target, const Sighting& seen);
  void line(const std::string& text);
  std::string unused_name(const std::string& target, Suffix suffix);

  std::string text_;
  std::set<std::string> names_;
};

/// A name for a rule about this target.
[[nodiscard]] std::string rule_name_for(const std::string& target);

}  // namespace enforcer::ctl
