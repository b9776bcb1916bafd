// A held request as a worker would bring it, for tests of what is said about it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "review/ticket.h"

namespace enforcer::control::testing {

struct SampleTicket {
  std::string host = "stacks.eu.acme.co.uk";
  std::string action = "cloudformation:DeleteStack";
  std::string path = "/";
  std::optional<std::string> query;
  std::vector<policy::FieldFact> fields{{.name = "content-type", .value = "application/x-www-form-urlencoded"}};
  std::string body = "Action=DeleteStack&StackName=prod";
  unsigned approvals_needed = 1;
  unsigned clients = 1;
  review::State state = review::State::kPending;
  WallClock::time_point asked = WallClock::time_point(std::chrono::seconds(1'700'000'000));
  std::chrono::seconds lasts{600};

  [[nodiscard]] review::Ticket make() const {
    static const policy::RuleInfo kRule{.policy = "agent",
                                        .rule = "destroy",
                                        .place = "agent.yaml:12",
                                        .action = policy::Action::kReview,
                                        .note = "Deleting needs a second pair of eyes."};
    policy::RequestFacts request{.transport = policy::RequestFacts::Transport::kTls,
                                 .method = "POST",
                                 .path = path,
                                 .query = query,
                                 .fields = fields};
    review::Question question{.guest = GuestName::parse("agent-1").value(),
                              .slot = Slot{7},
                              .epoch = Epoch{0xabc},
                              .labels = {{"role", "agent"}},
                              .rule = &kRule,
                              .action = action,
                              .credential = "deploy-key",
                              .body_octets = body.size(),
                              .body_sha256 = std::string(64, 'b'),
                              .body_start = body.substr(0, review::Question::kBodyPreview)};
    question.facts.layer = policy::Layer::kHttp;
    question.facts.host = HostName::parse(host).value();
    question.facts.port = kHttpsPort;
    question.facts.request = std::make_shared<const policy::RequestFacts>(std::move(request));
    question.fingerprint.octets.fill(0x5a);
    review::Ticket ticket;
    ticket.id = review::ReviewId::make();
    ticket.question = std::make_shared<const review::Question>(std::move(question));
    ticket.state = state;
    ticket.clients = clients;
    ticket.approvals_needed = approvals_needed;
    ticket.asked = asked;
    ticket.expires = asked + lasts;
    return ticket;
  }
};

/// What a fingerprint of such a ticket reads like.
inline std::string sample_fingerprint() {
  std::string text;
  for (int i = 0; i < 32; ++i) text += "5a";
  return text;
}

}  // namespace enforcer::control::testing
