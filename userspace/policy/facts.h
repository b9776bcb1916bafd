// Facts: everything a decision may depend on, and nothing else. Made by the proxy and by DNS from what was parsed; the
// decision is a pure function of the facts and the guest's compiled policy, so that `explain`, a reload and a test ask
// exactly what the data path asked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/host_name.h"
#include "base/ip.h"

namespace enforcer::policy {

/// Where in the life of a connection the question is asked.
enum class Layer {
  kDns,   ///< may this name be resolved at all?  (host)
  kL4,    ///< a connection was opened, no byte of it read yet  (host or destination, port)
  kTls,   ///< a ClientHello was read  (host = SNI, already equal to the name of the destination)
  kHttp,  ///< a request was read, on a clear connection or inside an intercepted one  (host = Host, request)
};
[[nodiscard]] std::string_view label(Layer layer);  ///< "dns", "l4", "tls", "http"

/// A header field of a request: the name in lower case with '-' for '_' (origins cannot tell them apart), the value
/// trimmed.
struct FieldFact {
  std::string name;
  std::string value;
  friend bool operator==(const FieldFact&, const FieldFact&) = default;
};

/// What a request asks of AWS, as far as it can be told from outside (policy/aws_call.h).
struct AwsCall {
  std::string service;            ///< the credential scope's: "ce", "cloudformation"; empty: cannot be told
  std::string action;             ///< "GetCostAndUsage"; empty: cannot be told
  std::vector<std::string> also;  ///< what it does beside that: "GetObject" of a copy; empty unless `action` is told
  friend bool operator==(const AwsCall&, const AwsCall&) = default;
};

/// What a request asks of a git server (policy/git_call.h).
struct GitCall {
  enum class Operation : std::uint8_t { kFetch, kPush };
  struct Update {
    enum class Kind : std::uint8_t {
      kCreate,
      kFastForward,  ///< the commits that the push brings lead back to what the ref was
      kForce,        ///< they were read, and do not
      kUpdate,       ///< one of both: no rule asks, or they could not be read
      kDelete,
    };
    std::string ref;  ///< "refs/heads/main", as git-check-ref-format(1) wants it
    Kind kind = Kind::kUpdate;
    friend bool operator==(const Update&, const Update&) = default;
  };
  Operation operation = Operation::kFetch;
  std::string repository;                      ///< "acme/w": the path as it stands, without ".git"
  std::optional<std::vector<Update>> updates;  ///< of a push that is under way; none: it cannot be told which
  enum class Stage : std::uint8_t { kAsks, kActs };
  Stage stage = Stage::kActs;  ///< kAsks: which refs there are, before one of both
  friend bool operator==(const GitCall&, const GitCall&) = default;
};

/// One HTTP request, as far as rules can ask about it.
struct RequestFacts {
  enum class Transport { kClear, kTls };
  /// How much of the request is here. A record of the audit log keeps no header fields and no values of the query:
  /// where a rule asks about them, the answer is that it cannot be told.
  enum class Extent { kWhole, kRecorded };
  Transport transport = Transport::kClear;
  std::string method;
  std::string path;                  ///< normalised
  std::optional<std::string> query;  ///< behind the '?', as sent
  bool websocket = false;            ///< it asks to become a WebSocket (RFC 6455 4.1)
  std::vector<FieldFact> fields;     ///< every field the guest sent but Host, in order
  std::optional<AwsCall> aws;        ///< read only where a rule asks (asks_about_aws)
  std::optional<GitCall> git;        ///< likewise (asks_about_git)
  Extent extent = Extent::kWhole;    ///< kRecorded: `fields` is empty, values in `query` are "*"
};

struct Facts {
  Layer layer = Layer::kL4;
  std::optional<HostName> host;  ///< the one canonical name; none when the destination was never issued for a name
  std::optional<IpAddress> destination;         ///< only when there is no host: the literal address the guest dialled
  Port port{};                                  ///< 0 for kDns
  bool ech = false;                             ///< the ClientHello offers Encrypted Client Hello (kTls)
  std::shared_ptr<const RequestFacts> request;  ///< kHttp; shared by copies of these facts, never changed
  WallClock::time_point now;                    ///< for `expires`
};

}  // namespace enforcer::policy
