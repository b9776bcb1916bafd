// What the configuration of this machine's package tools says about registries: hosts, with the place each was found
// at.
//
// A value goes through here and nowhere else, because it may hold a password ("https://user:password@host/"): what is
// kept of a URL is its host and port, and what is said about a wrong one is its place, never its text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace enforcer::ctl {

/// What a URL of a registry opens.
struct RegistryUrl {
  std::string target;             ///< as in `to`: "npm.acme.example", "apt.acme.example:80"
  bool names_credential = false;  ///< it has a user or password, which are not kept
};
/// kInvalid: not http or https, an address or `localhost` instead of a name, or no URL. The message does not quote it.
Result<RegistryUrl> parse_registry_url(std::string_view text);

struct FoundHost {
  std::string target;
  std::string place;    ///< "/etc/apt/sources.list:3"
  std::string setting;  ///< what a stronger file replaces: "registry"; empty: nothing does
};

/// A line of a file.
struct FilePlace {
  std::string_view file;
  std::size_t line = 0;  ///< from 1; 0: the whole
  [[nodiscard]] std::string text() const;
};

class MachineFindings {
 public:
  static constexpr std::size_t kMostHosts = 64;

  [[nodiscard]] const std::vector<FoundHost>& hosts() const { return hosts_; }
  /// What was skipped, and why: "/root/.npmrc:3: …".
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  /// What the author of a policy has to know besides.
  [[nodiscard]] const std::vector<std::string>& remarks() const { return remarks_; }
  /// Each once, sorted.
  [[nodiscard]] std::vector<std::string> targets() const;
  /// Where they were found, each file once, sorted.
  [[nodiscard]] std::vector<std::string> files() const;

  /// The host of a URL; a warning where it has none that a policy could name. Beyond kMostHosts: a warning.
  void add_url(std::string_view url, const FilePlace& place, std::string_view setting = {});
  /// What a weaker file said about this setting does not hold.
  void forget(std::string_view setting);
  void warn(const FilePlace& place, std::string_view what);
  void remark(const FilePlace& place, std::string_view what);

 private:
  std::vector<FoundHost> hosts_;
  std::vector<std::string> warnings_;
  std::vector<std::string> remarks_;
};

}  // namespace enforcer::ctl
