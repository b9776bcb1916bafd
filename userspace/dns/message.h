// DNS queries of guests and our answers to them (RFC 1035, 6891, 2308, 8914). Nothing of a query is ever sent on: what
// leaves the host is made by dns/resolver from the HostName alone.
//
// A query is read strictly, because whatever is ignored is a channel or a trick: one question of class IN, names
// without compression, no records but one well-formed OPT, and not a byte behind it. Answers echo the question as it
// was asked (clients check the letters' case, draft-vixie-dnsext-dns0x20) and nothing else.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/host_name.h"
#include "base/ip.h"

namespace enforcer::dns {

enum class Transport : std::uint8_t { kUdp, kTcp };

/// Query types with a meaning here; any other number is possible.
enum class Type : std::uint16_t { kA = 1, kSoa = 6, kAaaa = 28, kHttps = 65 };

enum class ResponseCode : std::uint16_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kBadVersion = 16,
};

/// The largest query accepted; real ones with EDNS padding (RFC 8467) stay below 512.
inline constexpr std::size_t kMaxQuery = 4096;
/// What we send over UDP at most, whatever the client says it can take (no fragments; DNS flag day 2020).
inline constexpr std::size_t kMaxUdpAnswer = 1232;
/// The TTL of synthetic answers.
inline constexpr std::chrono::seconds kAnswerTtl{60};

/// What of a query an answer needs.
struct Echo {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
  std::vector<std::uint8_t> question;  ///< name, type and class as they were sent; empty when they could not be read
  std::optional<std::uint16_t> edns_payload;  ///< the client sent OPT with this UDP payload size
  Transport transport = Transport::kUdp;
};

struct Query {
  Echo echo;
  HostName name;
  Type type;
};

/// A message we answer with an error: make_error(echo, code).
struct UnusableQuery {
  enum class Fault : std::uint8_t {
    kMalformed,    ///< deny `dns_malformed`
    kUnsupported,  ///< an opcode, class, EDNS version or the root, which are not served; deny `dns_type`
  };
  Fault fault;
  std::string_view what;  ///< a constant of the parser, never guest text
  ResponseCode code;
  Echo echo;
};

/// Shorter than a header, or a response: never answered, so that two servers cannot be made to talk to each other for
/// ever. Deny `dns_malformed`.
struct NotAQuery {
  std::string_view what;
};

using QueryOutcome = std::variant<Query, UnusableQuery, NotAQuery>;

/// Reads one message: a datagram, or the payload of one TCP frame (dns/stream.h).
[[nodiscard]] QueryOutcome parse_query(Bytes message, Transport transport);

/// An answer in wire form. Over TCP the caller puts the length in front (dns/stream.h).
using Answer = std::vector<std::uint8_t>;

/// Addresses of the family asked for; others in the list are left out. None: NOERROR without data. What does not fit is
/// cut with the TC bit, so that the client asks again over TCP.
[[nodiscard]] Answer make_addresses(const Query& query, std::span<const IpAddress> addresses,
                                    std::chrono::seconds ttl = kAnswerTtl);
/// NOERROR without data: the name exists and has nothing of this type.
[[nodiscard]] Answer make_no_data(const Query& query);
/// NXDOMAIN that is forgotten after one second, and Extended DNS Error 15 (Blocked) with the decision id for clients
/// that speak EDNS.
[[nodiscard]] Answer make_denied(const Query& query, std::string_view decision_id);
/// NXDOMAIN without a decision: names that cannot exist here, such as PTR of a synthetic address.
[[nodiscard]] Answer make_no_such_name(const Query& query);
/// An error code and the question, for queries that could not be served (kServFail) or read.
[[nodiscard]] Answer make_error(const Echo& echo, ResponseCode code);

}  // namespace enforcer::dns
