// What one worker counted. Plain integers: only the worker's own thread touches them; snapshot() is called there too,
// and the copy travels to whoever renders it (exposition.h). No lock and no text on the data path.
//
// Guests are known by a GuestSeries, which Exposition gives out when a guest is attached and which the guest's record
// carries. Rules are known by an index: the two names of a rule are copied once, when it is first counted, so nothing
// here points into a policy that a reload may free.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metrics/histogram.h"
#include "metrics/http_codes.h"
#include "metrics/labels.h"
#include "policy/decision.h"
#include "policy/facts.h"

namespace enforcer::metrics {

/// The set of series of one guest label; never reused in one run.
enum class GuestSeries : std::uint32_t {};

inline constexpr std::size_t kLayerCount = 4;
inline constexpr std::size_t kActionCount = 3;
inline constexpr std::size_t kRcodeCount = 16;

/// A rule as the metrics name it. Index 0 is "no rule" (both empty), index 1 stands for what is beyond the cap.
struct RuleNames {
  std::string policy;
  std::string rule;
  policy::Action action = policy::Action::kDeny;
};
inline constexpr std::uint32_t kNoRule = 0;
inline constexpr std::uint32_t kOtherRule = 1;

/// Different credential names in one run that are counted by themselves; what is beyond counts as kOtherCredential.
inline constexpr std::size_t kMaxCredentials = 1024;
inline constexpr std::string_view kOtherCredential = "other";

/// Of one credential.
struct CredentialCounts {
  std::array<std::uint64_t, kInjectionResultCount> injections{};
  std::uint64_t leaks_blocked = 0;         ///< responses in which its value came back and was masked
  std::uint64_t placeholders_strayed = 0;  ///< requests with its placeholder where it does not replace it
  friend bool operator==(const CredentialCounts&, const CredentialCounts&) = default;
};

/// Everything one worker counted, by value. All of it only ever grows, but `active`.
struct WorkerCounts {
  struct Denied {
    GuestSeries guest;
    std::uint32_t rule;
    policy::Reason reason;
    std::uint64_t count;
  };

  std::array<std::array<std::array<std::uint64_t, policy::kReasonCount>, kActionCount>, kLayerCount> decisions{};
  std::vector<Denied> denied;
  std::vector<RuleNames> rules;          ///< by index
  std::vector<std::uint64_t> rule_hits;  ///< by index
  std::array<std::array<std::uint64_t, kRcodeCount>, kActionCount> dns{};
  std::array<std::uint64_t, kDirectionCount> transferred{};
  std::array<std::int64_t, kProtocolCount> active{};
  std::array<std::array<std::uint64_t, kConnectionResultCount>, kProtocolCount> connections{};
  std::array<DurationHistogram, kStageCount> overhead{};
  DurationHistogram origin_connect;
  std::array<std::uint64_t, kOriginErrorCount> origin_errors{};
  std::array<std::uint64_t, kHttpCodeCount> http_responses{};
  std::array<DurationHistogram, kTlsSideCount> tls_handshakes{};
  std::uint64_t certificates_issued = 0;
  std::map<std::string, CredentialCounts, std::less<>> credentials;  ///< by name
};

class WorkerMetrics {
 public:
  /// `series_per_guest`: how many different (rule, reason) one guest may have here; beyond, they count under
  /// rule="other".
  explicit WorkerMetrics(std::size_t series_per_guest = 2000);

  /// Counts a decision in decisions_total, its rule in rule_hits_total, and whatever is not allowed in denied_total.
  /// Once for each decision that is recorded (folded ones included), with its final layer.
  void decision(GuestSeries guest, policy::Layer layer, const policy::Decision& decision);

  /// Counts denials that are not decisions of a policy: connections reset undecided, for instance.
  void denied(GuestSeries guest, const policy::RuleInfo* rule, policy::Reason reason, std::uint64_t count = 1);

  /// A DNS query was answered. `rcode` as on the wire, 0-15.
  void dns_query(policy::Action action, std::uint8_t rcode) { ++counts_.dns[index(action)][rcode % kRcodeCount]; }

  void transferred(Direction direction, std::uint64_t bytes) { counts_.transferred[index(direction)] += bytes; }

  /// The life of a guest's connection: opened as kPending, classified at most once, closed.
  void connection_opened() { ++counts_.active[index(Protocol::kPending)]; }
  void connection_classified(Protocol protocol) {
    --counts_.active[index(Protocol::kPending)];
    ++counts_.active[index(protocol)];
  }
  void connection_closed(Protocol protocol, ConnectionResult result) {
    --counts_.active[index(protocol)];
    ++counts_.connections[index(protocol)][index(result)];
  }

  void overhead(Stage stage, std::chrono::nanoseconds duration) { counts_.overhead[index(stage)].observe(duration); }
  void origin_connected(std::chrono::nanoseconds duration) { counts_.origin_connect.observe(duration); }
  void origin_error(OriginError error) { ++counts_.origin_errors[index(error)]; }

  /// A response was sent to a guest, an origin's or one of ours.
  void http_response(unsigned status) { ++counts_.http_responses[http_code_index(status)]; }

  /// A handshake of an intercepted connection succeeded after this long.
  void tls_handshake(TlsSide side, std::chrono::nanoseconds duration) {
    counts_.tls_handshakes[index(side)].observe(duration);
  }

  /// A certificate was made for a guest; one found in the cache does not count.
  void certificate_issued() { ++counts_.certificates_issued; }

  /// A request that may carry a credential got it, or did not. `credential` is the name of a loaded one.
  void credential_injected(std::string_view credential, InjectionResult result);
  /// Its value came back in a response, and the guest got something else in its place.
  void secret_leak_blocked(std::string_view credential);
  /// A guest sent its placeholder to where the credential does not replace it.
  void placeholder_strayed(std::string_view credential);

  /// A copy of everything; on the worker's thread.
  [[nodiscard]] WorkerCounts snapshot() const { return counts_; }

  /// Forgets what was counted for guests that are gone (Exposition::expire says which).
  void forget(std::span<const GuestSeries> gone);

 private:
  CredentialCounts& counts_of(std::string_view credential);
  template <class Enum>
  static constexpr std::size_t index(Enum value) {
    return static_cast<std::size_t>(value);
  }
  std::uint32_t intern(const policy::RuleInfo* rule);
  std::uint64_t& denied_cell(GuestSeries guest, std::uint32_t rule, policy::Reason reason);

  const std::size_t series_per_guest_;
  WorkerCounts counts_;
  std::unordered_map<std::uint64_t, std::uint32_t> denied_index_;          ///< packed key -> position in counts_.denied
  std::unordered_map<GuestSeries, std::uint32_t> series_;                  ///< how many cells a guest has
  std::unordered_map<const policy::RuleInfo*, std::uint32_t> by_address_;  ///< a guess, checked against the names
  std::unordered_map<std::string, std::uint32_t> by_names_;
};

}  // namespace enforcer::metrics
