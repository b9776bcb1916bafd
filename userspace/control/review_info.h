// A held request as the tool sees it: what the daemon says about a review::Ticket, in texts. Guest text in it has been
// escaped and cut by the daemon; whoever shows it trusts neither.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/ids.h"
#include "review/ticket.h"

namespace enforcer::control {

struct ReviewInfo {
  std::string id;
  std::string state;  ///< "pending", "approved", "sent", "rejected", "expired", "withdrawn"
  WallClock::time_point asked;
  WallClock::time_point expires;
  unsigned clients = 0;  ///< that wait for it now
  unsigned approvals_needed = 1;
  std::vector<review::Verdict> approvals;
  std::optional<review::Verdict> rejection;

  std::string guest;
  std::string epoch;
  Labels labels;

  std::string domain;  ///< the registrable one; empty for an address
  std::string host;    ///< name as on the wire, or address
  std::uint16_t port = 0;
  std::string scheme;  ///< "https", "http"
  std::string action;
  std::string policy;
  std::string rule;
  std::string place;
  std::string note;        ///< the rule's own reason, or empty
  std::string credential;  ///< name of the one that is added, or empty

  std::string method;
  std::string path;
  std::optional<std::string> query;
  std::vector<policy::FieldFact> fields;

  std::uint64_t body_octets = 0;
  std::string body_sha256;
  std::string body_start;  ///< the first octets; those outside printable ASCII, and the backslash, as \xNN
  std::string fingerprint;
};

struct ReviewChange {
  std::string change;  ///< as in ReviewNews
  std::optional<review::Reviewer> by;
  ReviewInfo review;
};

/// Whether it is an end: nothing happens to it any more.
[[nodiscard]] inline bool has_ended(const ReviewInfo& info) {
  return info.state != "pending" && info.state != "approved";
}

}  // namespace enforcer::control
