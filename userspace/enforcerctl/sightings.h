// Sightings: what guests were seen to do, host by host and port by port: the ground of a suggested policy.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "enforcerctl/history.h"
#include "enforcerctl/path_template.h"

namespace enforcer::ctl {

/// What was allowed towards one host and port.
struct Sighting {
  std::uint64_t relayed = 0;  ///< connections of `protocol: tcp`
  std::uint64_t passed = 0;   ///< connections of TLS that nobody looked into
  std::vector<SeenRequest> requests;
  std::vector<SeenRequest> websockets;
  std::map<std::string, std::uint64_t> aws;  ///< by action: "ce:GetCostAndUsage"

  struct Git {
    std::uint64_t requests = 0;
    std::set<std::string> refs;  ///< of pushes
  };
  std::map<std::pair<std::string, std::string>, Git> git;  ///< by operation ("fetch", "push") and repository

  std::map<std::string, std::uint64_t> credentials;  ///< names of those that were added
  bool private_space = false;                        ///< it led to an address that is not globally routable
};

/// What a guest was kept from, or would have been if the policy had not been in audit mode.
struct Refusal {
  std::string target;
  std::string method, path;  ///< of a request
  std::string reason;        ///< label
  std::string rule;          ///< "policy/rule", or empty
  std::string candidate;     ///< "host:port" as a rule would name it; empty: no rule could help
  bool audited = false;      ///< audit mode let it through

  friend auto operator<=>(const Refusal&, const Refusal&) = default;
};

struct Sightings {
  std::map<std::string, Sighting> places;       ///< by "host:port" as `to` has it; valid targets only
  std::map<Refusal, std::uint64_t> refused;     ///< with counts
  std::map<std::string, std::string> wordless;  ///< by request_text(): why the policy language has no words for it
};

[[nodiscard]] Sightings sightings_of(const History& history);

/// It was allowed, and not only because audit mode let through what a rule denies or holds for review.
[[nodiscard]] bool is_ground(const PastDecision& past);

/// "GET api.github.com:443/repos/acme/w"; may hold whatever the guest sent.
[[nodiscard]] std::string request_text(const PastDecision& past);

/// The target without a port that is 443 anyway: "a.example", "a.example:80", "[2001:db8::1]:22".
[[nodiscard]] std::string target_text(const PastDecision& past);

}  // namespace enforcer::ctl
