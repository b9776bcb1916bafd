// enforcer.yaml: how one instance runs. Every key has a default, unknown keys are errors; read with the same strict
// reader and the same kind of diagnostics as policies.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "config/bounds.h"
#include "config/egress.h"
#include "policy/diagnostic.h"
#include "policy/loader.h"
#include "policy/shape.h"

namespace enforcer::config {

inline constexpr const char* kDefaultPath = "/etc/enforcer/enforcer.yaml";
/// May be missing, as long as the configuration does not name it.
inline constexpr const char* kDefaultCredentials = "/etc/enforcer/credentials";

inline constexpr unsigned kMostWorkers = 64;

/// What may be the name of an instance.
[[nodiscard]] bool is_instance_name(std::string_view text);
inline constexpr std::string_view kInstanceNameRule = "use 1-20 of a-z, 0-9 and '-', not '-' at either end";

enum class Accelerator { kAuto, kKvm, kTcg };

/// Where addresses inside guests' networks come from. The blocks never overlap.
struct GuestAddresses {
  Cidr ipv4_pool;       ///< /8 to /28; guests' own addresses and the gateway's
  Cidr ipv6_pool;       ///< /32 to /112
  Cidr synthetic_ipv4;  ///< /8 to /24; addresses that stand for names, inside one guest only
  Cidr synthetic_ipv6;  ///< /32 to /112
};

struct Config {
  Config();  ///< all defaults

  std::string instance = "default";  ///< 1-20 of [a-z0-9-]; paths.h derives every name from it
  unsigned workers = 1;  ///< 1-kMostWorkers; `auto` is one per processor this process may use, already resolved here
  Accelerator accelerator = Accelerator::kAuto;
  GuestAddresses guests;
  struct Dns {
    std::vector<Endpoint> servers;  ///< empty: the host's resolv.conf
  } dns;
  struct OriginTrust {
    bool system = true;              ///< the system's CA certificates
    std::vector<std::string> files;  ///< more of them, PEM
  } origin_trust;
  std::optional<EgressProxy> egress_proxy;                      ///< none: origins are reached directly
  std::vector<std::string> policies{"/etc/enforcer/policies"};  ///< files or folders
  /// More of them, loaded together with the policies; apart so that fewer people need to read them.
  std::vector<std::string> credentials{kDefaultCredentials};
  struct Audit {
    std::string path = "/var/log/enforcer/audit.jsonl";
    std::uint64_t max_bytes = std::uint64_t{256} << 20;
    std::uint32_t max_files = 16;
    bool journald = false;  ///< a copy of each record in the systemd journal
  } audit;
  struct Metrics {
    Endpoint listen;  ///< 127.0.0.1:9464
    std::uint32_t per_guest_series = 2000;
  } metrics;
  struct Review {
    /// Command that is given one line of JSON for each ticket on standard input; empty: none. argv[0] is an absolute
    /// path.
    std::vector<std::string> notify;
    std::uint32_t pending_per_guest = 32;                ///< tickets, 1-10000
    std::uint64_t body_limit = std::uint64_t{10} << 20;  ///< of one held request, 1Ki-16Mi; beyond, it is denied
    std::chrono::milliseconds client_wait{std::chrono::seconds(55)};  ///< 1s-1h; then a client is told to come back
    std::chrono::milliseconds grant{std::chrono::minutes(15)};        ///< 1s-1d that an approval waits for a client
  } review;
  struct Images {
    std::vector<std::string> roots{"/var/lib/enforcer/images"};
  } images;
  struct Workspaces {
    /// Folders below which guests may share folders of the host; none of them itself.
    std::vector<std::string> roots{"/home", "/srv"};
  } workspaces;
  Limits limits;
  Deadlines deadlines;
};

struct ConfigOutcome {
  std::optional<Config> config;  ///< none when there is any error
  std::vector<policy::Diagnostic> diagnostics;
};

/// Reads the named file; without a name the default one, whose absence means all defaults. The file is opened as
/// strictly as a policy that is enforced (policy::SourceUse::kEnforce).
[[nodiscard]] ConfigOutcome load_config(const std::optional<std::string>& path);

/// What the configuration may say.
[[nodiscard]] std::vector<policy::FieldShape> config_fields();

/// What to read policies and credentials from: all of it, but for a default folder of credentials that does not exist.
[[nodiscard]] std::vector<std::string> source_paths(const std::vector<std::string>& policies,
                                                    const std::vector<std::string>& credentials);

/// The same from a text. Pure but for `workers: auto`.
[[nodiscard]] ConfigOutcome parse_config(const policy::SourceText& source);

}  // namespace enforcer::config
