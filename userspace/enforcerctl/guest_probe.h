// What `doctor --guest` finds out inside a guest: a POSIX shell script runs there over the exec channel, prints facts,
// one on a line, and changes nothing; what they mean for each runtime is decided here.
//
// Every octet that comes back is the guest's: bounded in size and time, read by a strict parser, and escaped before it
// goes anywhere (invariants 7 and 10). A guest can lie about itself; it lies to whoever wants to know whether its own
// programs will work.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"
#include "control/api.h"

namespace enforcer::ctl {

/// How a file, or what a program reads, stands to the guest's CA.
enum class Standing { kHolds, kLacks, kAbsent };

struct TrustFile {
  Standing standing = Standing::kAbsent;
  std::string path;  ///< escaped; may be empty
};

struct GuestFacts {
  std::set<std::string> installed;             ///< of kRuntimes and "keytool"
  std::map<std::string, TrustFile> variables;  ///< that are set, by name, and the file that each names
  std::optional<TrustFile> store;              ///< the system's bundle
  std::optional<TrustFile> requests;           ///< the bundle that Python's requests reads unless it is told another
  std::optional<TrustFile> git_config;         ///< http.sslCAInfo
  std::optional<TrustFile> java;               ///< the truststore, where keytool could say
  std::optional<Standing> openssl;             ///< `openssl verify` of the CA itself
  bool node_asks_system = false;               ///< NODE_OPTIONS has --use-system-ca or --use-openssl-ca
  bool wget_is_busybox = false;
};

/// The exec request ('X' frame) that runs the probe. kInvalid: the daemon's certificate is no PEM.
Result<std::string> probe_request(const control::AuthorityInfo& authority);

/// The script alone; its arguments are the CA as PEM and its SHA-256, "AB:CD:...".
[[nodiscard]] std::string_view probe_script();

/// Runs the request over a stream of exec frames (Client::upgrade) to its end. What the probe printed. kTimeout;
/// kInvalid: it printed more than 64 KiB, errors included; kIo: it could not be started, or ended otherwise than it
/// should.
Result<std::string> run_probe(const Fd& connection, const std::string& request, Deadline deadline);

/// kInvalid for anything that the script does not print.
Result<GuestFacts> parse_probe(std::string_view output);

enum class Trust { kYes, kNo, kUnknown };

struct RuntimeTrust {
  std::string runtime;
  bool installed = false;
  Trust trust = Trust::kUnknown;  ///< means something when it is installed
  std::string note;               ///< what says so, or what to do; printable
};

/// One for each runtime, in a fixed order.
[[nodiscard]] std::vector<RuntimeTrust> judge(const GuestFacts& facts);

}  // namespace enforcer::ctl
