#include "enforcerctl/replay.h"

#include <algorithm>

#include "policy/address_guard.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "policy/decision.h"
#include "policy/findings.h"

namespace enforcer::ctl {
namespace {

using policy::Decision;
using policy::Facts;
using policy::Handling;
using policy::Layer;
using policy::Reason;
using Transport = policy::RequestFacts::Transport;

/// Denials that a policy makes, or that its rules make possible.
constexpr Reason kDecided[] = {Reason::kRule,
                               Reason::kNoRule,
                               Reason::kPort,
                               Reason::kRequest,
                               Reason::kScheme,
                               Reason::kAddress,
                               Reason::kNoPolicy,
                               Reason::kDnsName,
                               Reason::kDstLocal,
                               Reason::kDstPrivate,
                               Reason::kEchPresent,
                               Reason::kInspectionUnavailable,
                               Reason::kActionUnknown,
                               Reason::kCredentialConflict,
                               Reason::kCredentialHostMismatch,
                               Reason::kCredentialUnavailable,
                               Reason::kForeignCredential,
                               Reason::kTokenMinting,
                               Reason::kSignature,
                               Reason::kSecretReflected};

/// Denials of what the guest said, which nobody would have looked at on a connection that is only relayed.
constexpr Reason kSaid[] = {
    Reason::kProtoUnknown, Reason::kHelloTimeout, Reason::kTlsNoSni,          Reason::kTlsMalformed,
    Reason::kAlpn,         Reason::kGuestTls,     Reason::kH1Malformed,       Reason::kH1Framing,
    Reason::kH2Malformed,  Reason::kH2Abuse,      Reason::kBodyTimeout,       Reason::kLimitHead,
    Reason::kLimitBody,    Reason::kHostInvalid,  Reason::kAuthorityMismatch, Reason::kUpgrade};

/// What came of requests that a review rule meant.
constexpr Reason kReviewed[] = {Reason::kReview,        Reason::kApproved,       Reason::kReviewUnavailable,
                                Reason::kNoReviewer,    Reason::kQueueFull,      Reason::kHoldBodyCap,
                                Reason::kReviewPending, Reason::kReviewRejected, Reason::kReviewExpired,
                                Reason::kReviewSpent,   Reason::kStaleApproval};

bool is_one_of(std::string_view reason, std::span<const Reason> list) {
  return std::ranges::any_of(list, [&](Reason one) { return is_reason(reason, one); });
}

enum class Kind { kDecided, kSaid, kFixed };

Kind kind_of(const PastDecision& past) {
  const std::string& reason = past.what.reason;
  if (past.what.decision != "deny" || is_one_of(reason, kDecided) || is_one_of(reason, kReviewed))
    return Kind::kDecided;
  // A WebSocket is refused by rules, any other upgrade by the proxy itself.
  if (is_reason(reason, Reason::kUpgrade) && !past.what.upgrade.empty()) return Kind::kDecided;
  return is_one_of(reason, kSaid) ? Kind::kSaid : Kind::kFixed;
}

Replayed cannot_tell(std::string why) {
  return {.fate = Fate::kUnknown, .rule = {}, .why = std::move(why)};
}

/// What the record says about the action, as facts: "ce:GetCostAndUsage", "git push acme/w".
void take_action(policy::RequestFacts& request, const std::string& action) {
  if (action.starts_with("git ")) {
    const bool push = action.starts_with("git push");
    if (request.method == "GET") request.query = push ? "service=git-receive-pack" : "service=git-upload-pack";
    return;
  }
  const auto colon = action.find(':');
  if (colon == std::string::npos || action.contains(' ')) return;
  request.aws = policy::AwsCall{.service = action.substr(0, colon), .action = action.substr(colon + 1)};
}

class Asking {
 public:
  Asking(const PastDecision& past, const policy::GuestPolicy& policy, WallClock::time_point now)
      : past_(past), policy_(policy), kind_(kind_of(past)) {
    facts_.host = past.host();
    facts_.destination = past.address();
    facts_.port = past.what.port;
    facts_.now = now;
  }

  [[nodiscard]] Replayed answer() {
    if (past_.what.layer == "dns") return said(ask(Layer::kDns));
    const Decision opened = ask(Layer::kL4);
    if (!opened.allowed() || opened.handling == Handling::kOpaque) return said(opened);
    std::vector<Replayed> answers;
    if (may_speak_tls()) answers.push_back(tls());
    if (may_speak_clear()) answers.push_back(request(Transport::kClear));
    return agreed(std::move(answers));
  }

 private:
  [[nodiscard]] bool may_speak_tls() const { return facts_.host && facts_.port != kHttpPort; }
  [[nodiscard]] bool may_speak_clear() const {
    return past_.what.layer != "tls" && (facts_.port != kHttpsPort || !facts_.host);
  }

  [[nodiscard]] static Replayed agreed(std::vector<Replayed> answers) {
    if (answers.empty()) return {.fate = Fate::kDeny, .rule = {}, .why = "nothing that may be said there is allowed"};
    const bool agree = std::ranges::all_of(answers, [&](const Replayed& one) { return one.fate == answers[0].fate; });
    return agree ? std::move(answers[0]) : cannot_tell("it depends on what was spoken on the connection");
  }

  [[nodiscard]] Decision ask(Layer layer) {
    facts_.layer = layer;
    return policy::decide(policy_, facts_);
  }

  [[nodiscard]] Replayed denied_as_before() const {
    return {.fate = Fate::kDeny, .rule = {}, .why = past_.what.reason};
  }

  [[nodiscard]] Replayed tls() {
    // What was wrong with a ClientHello is found before anything is decided about it.
    const bool hello_was_wrong = kind_ == Kind::kSaid && past_.what.layer != "http";
    if (hello_was_wrong && !is_reason(past_.what.reason, Reason::kGuestTls)) return denied_as_before();
    const Decision decision = ask(Layer::kTls);
    if (!decision.allowed()) return said(decision);
    facts_.ech = true;
    const Decision encrypted = ask(Layer::kTls);
    facts_.ech = false;
    if (!encrypted.allowed() && may_have_ech()) {
      return said_ech() ? said(encrypted) : cannot_tell("the name may have been encrypted");
    }
    const bool unseen = past_.what.layer != "http" && decision.reason == Reason::kReview;  // each one is held
    return decision.handling == Handling::kIntercept && !unseen ? request(Transport::kTls) : said(decision);
  }

  /// Where requests do not decide, an encrypted name makes a difference to `inspect: never` only.
  [[nodiscard]] bool may_have_ech() const {
    return past_.what.layer != "tls" || !past_.allowed();  // what passed through untouched had none
  }
  [[nodiscard]] bool said_ech() const { return is_reason(past_.what.reason, Reason::kEchPresent); }

  [[nodiscard]] Replayed request(Transport transport) {
    if (kind_ == Kind::kSaid) return denied_as_before();
    if (past_.what.layer == "http") facts_.request = recorded_request(transport);
    const Decision decision = ask(Layer::kHttp);
    const bool unseen = !facts_.request && (!decision.allowed() || transport == Transport::kTls);
    if (unseen) return cannot_tell("its requests would be looked at, and they were not recorded");
    const bool asks_for_own = policy::any_rule_here(
        policy_.compiled(), facts_,
        [](const policy::CompiledRule& rule, const Facts&) { return rule.rule->own_credentials_denied; });
    if (asks_for_own && decision.allowed()) return cannot_tell("a rule asks for credentials of the guest's own");
    return said(decision);
  }

  [[nodiscard]] std::shared_ptr<const policy::RequestFacts> recorded_request(Transport transport) const {
    auto made = std::make_shared<policy::RequestFacts>();
    made->transport = transport;
    made->method = past_.what.method;
    made->path = past_.what.path;
    made->query = past_.what.query;
    made->websocket = !past_.what.upgrade.empty();
    made->extent = policy::RequestFacts::Extent::kRecorded;
    take_action(*made, past_.what.action);
    return made;
  }

  [[nodiscard]] Replayed said(const Decision& decision) const {
    if (decision.allowed() && decision.reason != Reason::kReview) return past_credential(decision);
    Replayed answer{.fate = Fate::kDeny,
                    .rule = policy::full_name(decision.rule),
                    .why = std::string(policy::description(decision.reason))};
    if (decision.reason == Reason::kReview || decision.reason == Reason::kReviewUnavailable) {
      answer.fate = Fate::kReview;
    } else if (decision.reason == Reason::kActionUnknown) {
      answer.fate = Fate::kUnknown;
      answer.why = "a rule asks for what the record does not say";
    } else if (decision.reason == Reason::kTokenMinting && !(facts_.request && facts_.request->aws)) {
      answer.fate = Fate::kUnknown;
    }
    return answer;
  }

  /// A credential that could not be used may be another matter today.
  [[nodiscard]] Replayed past_credential(const Decision& decision) const {
    const std::string& reason = past_.what.reason;
    const bool failed = is_reason(reason, Reason::kCredentialUnavailable) || is_reason(reason, Reason::kSignature) ||
                        is_reason(reason, Reason::kSecretReflected);
    if (failed && decision.credential) return cannot_tell("it depends on the credential's value");
    return guarded(decision);
  }

  /// After the policy's allow comes the address guard.
  [[nodiscard]] Replayed guarded(const Decision& decision) const {
    const std::string rule = policy::full_name(decision.rule);
    const Replayed allow{.fate = Fate::kAllow, .rule = rule, .why = std::string(policy::description(decision.reason))};
    if (past_.what.layer == "dns") return allow;
    const bool opens_private = decision.rule && decision.rule->private_destination;
    const std::string& reason = past_.what.reason;
    if (is_reason(reason, Reason::kDstPrivate) || is_reason(reason, Reason::kDstLocal)) {
      return opens_private ? allow : denied_as_before();
    }
    std::set<IpAddress> addresses = past_.dialled;
    if (facts_.destination) addresses.insert(*facts_.destination);
    std::vector<Replayed> answers;
    for (const IpAddress& address : addresses) answers.push_back(at_address(address, opens_private, allow));
    if (answers.empty()) return allow;
    return agreed(std::move(answers));
  }

  [[nodiscard]] Replayed at_address(const IpAddress& address, bool opens_private, const Replayed& allow) const {
    const policy::AddressVerdict verdict = policy::judge_address(address);
    const bool open =
        verdict == policy::AddressVerdict::kGlobal || (verdict == policy::AddressVerdict::kPrivate && opens_private);
    const Reason closed = verdict == policy::AddressVerdict::kMetadata ? Reason::kDstMetadata : Reason::kDstPrivate;
    if (!open) return {.fate = Fate::kDeny, .rule = allow.rule, .why = std::string(policy::description(closed))};
    const auto denial = policy::deny_address(policy_, facts_, address);
    return denial ? said(*denial) : allow;
  }

  const PastDecision& past_;
  const policy::GuestPolicy& policy_;
  const Kind kind_;
  Facts facts_;
};

}  // namespace

std::string_view label(Fate fate) {
  switch (fate) {
    case Fate::kAllow:
      return "allow";
    case Fate::kReview:
      return "review";
    case Fate::kDeny:
      return "deny";
    case Fate::kUnknown:
      break;
  }
  return "unknown";
}

Fate past_fate(const PastDecision& past) {
  if (is_one_of(past.what.reason, kReviewed)) return Fate::kReview;
  return past.allowed() ? Fate::kAllow : Fate::kDeny;
}

std::optional<Replayed> replay(const PastDecision& past, const policy::Snapshot& snapshot, WallClock::time_point now) {
  const auto guest = GuestName::parse(past.what.guest);
  const bool names_something = past.host() || past.address();
  if (!guest || !names_something || kind_of(past) == Kind::kFixed) return std::nullopt;
  return Asking(past, *snapshot.for_guest(*guest, past.what.labels), now).answer();
}

}  // namespace enforcer::ctl
