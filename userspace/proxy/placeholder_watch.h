// PlaceholderWatch: looks for a guest's placeholders in what goes out of it. One is worthless wherever it goes, and is
// passed on as it is; but where its credential does not replace it, it says that a tool, or an agent, sends credentials
// to where they do not belong, which somebody wants to know.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "credentials/secret_scanner.h"
#include "policy/facts.h"
#include "policy/guest_policy.h"
#include "proxy/message_sides.h"

namespace enforcer::proxy {

class Conversation;
struct GuestIdentity;

/// Those of one guest under one policy, each with the forms in which it is looked for.
class KnownPlaceholders {
 public:
  static std::shared_ptr<const KnownPlaceholders> of(std::string_view instance, const GuestIdentity& guest,
                                                     const policy::GuestPolicy& policy);

  struct Known {
    std::string credential;
    std::string variable;
    std::shared_ptr<const credentials::Needles> needles;
  };
  [[nodiscard]] const std::vector<Known>& all() const { return all_; }

 private:
  std::vector<Known> all_;
};

/// Of one request.
class PlaceholderWatch {
 public:
  /// Conversation and facts outlive it.
  PlaceholderWatch(Conversation& conversation, const policy::Facts& facts,
                   std::shared_ptr<const KnownPlaceholders> known);

  /// The request as it is sent.
  void look_at(const http::RequestHead& head);
  void look_at(Bytes body);

  /// The body, looked at as it passes.
  [[nodiscard]] BodySource& over(BodySource& body);

 private:
  class Body;
  void report(std::size_t which);

  Conversation& conversation_;
  const policy::Facts& facts_;
  const std::shared_ptr<const KnownPlaceholders> known_;
  std::vector<bool> reported_;  ///< as `known_` has them: each once
  std::unique_ptr<BodySource> body_;
};

}  // namespace enforcer::proxy
