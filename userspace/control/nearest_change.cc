#include "control/nearest_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "control/own_rule.h"
#include "control/policy_trial.h"
#include "policy/address_guard.h"
#include "policy/explain.h"
#include "policy/loader.h"
#include "policy/request_stop.h"
#include "policy/target_set.h"

namespace enforcer::control {
namespace {

using policy::PolicyDocument;
using policy::Rule;
using policy::RuleList;
using policy::RuleTrace;
using policy::Stopper;
using policy::Target;

constexpr std::size_t kLongestName = 63;
/// Each is a compilation, on the thread that decides about DNS: nearest_change() has a bound in time, too.
constexpr std::size_t kMostTried = 16;
constexpr std::size_t kMostDenies = 8;
constexpr std::string_view kPolicyName = "nearest-change";

struct Edit {
  ExplainedChange told;
  std::function<void(PolicyTrial&)> make;
};

std::string flow_list(const std::vector<Target>& targets) {
  std::string list;
  for (const Target& target : targets) list += (list.empty() ? "" : ", ") + quoted(target.text);
  return fmt::format("[{}]", list);
}

bool is_private(const ExplainTarget& target) {
  return target.address && policy::judge_address(*target.address) == policy::AddressVerdict::kPrivate;
}

std::optional<Target> target_of(const ExplainTarget& asked) {
  auto target = Target::parse(target_text(asked), policy::PortDefault::kEvery);
  return target ? std::optional(*std::move(target)) : std::nullopt;
}

/// What of the question a deny rule means, in words.
std::string denied_field(const Rule& rule, const policy::GuestPolicy& policy, const policy::Facts& facts) {
  std::string hit;
  if (facts.request) hit = request_hit(rule.matcher, *facts.request, policy::Leaning::kObjecting);
  if (!hit.empty()) return hit;
  std::string text;
  for (const RuleTrace& trace : policy::explain(policy, facts).rules) {
    if (trace.rule != &rule.info) continue;
    text = fmt::format("its 'to' names '{}'", trace.target);
    if (rule.has_matchers()) text += ", and whether it means this request cannot be told";
  }
  return text;
}

class Changes {
 public:
  Changes(const policy::GuestPolicy& policy, const ExplainQuery& query, const AskedLayer& denied,
          WallClock::time_point now)
      : trial_(policy.compiled()), written_(policy.compiled()), query_(query), denied_(denied), now_(now) {
    take_denies_away(policy);
  }

  [[nodiscard]] NearestChange nearest(Deadline until) const {
    NearestChange told{.steps = narrowed_, .allows = !still_denied_};
    if (told.allows) return told;
    for (const Edit& edit : candidates()) {
      if (until.passed()) break;
      if (!works(edit)) continue;
      told.steps.push_back(edit.told);
      told.allows = true;
      break;
    }
    return told;
  }

 private:
  /// As if a person had narrowed each deny rule that says no, to see what else is in the way.
  void take_denies_away(const policy::GuestPolicy& policy) {
    traces_ = policy::explain(policy, denied_.facts).rules;
    const policy::GuestPolicy* asked = &policy;
    const auto target = target_of(query_.target);
    while (target && narrowed_.size() < kMostDenies) {
      const auto place = trial_.find(denied_.decision.rule);
      if (!place || trial_.at(*place).list != RuleList::kDeny) return;
      narrowed_.push_back(to_narrow(trial_.at(*place), *asked));
      trial_.change(*place).except.push_back(*target);
      narrowed_policies_.push_back(trial_.compiled());
      asked = narrowed_policies_.back().get();
      denied_ = ask_layers(*asked, query_.target, now_).back();
      still_denied_ = denied_.decision.action == policy::Action::kDeny;
      traces_ = policy::explain(*asked, denied_.facts).rules;
    }
  }

  [[nodiscard]] ExplainedChange to_narrow(const Rule& rule, const policy::GuestPolicy& asked) const {
    const std::string_view whose =
        rule.info.guardrail ? "by the owner of the host, for no policy can undo it" : "by a person";
    return {.what = fmt::format("deny rule {} has to be narrowed {}: {}", full_name(&rule.info), whose,
                                denied_field(rule, asked, denied_.facts)),
            .place = rule.info.place,
            .yaml = ""};
  }

  /// Tests are asked with the deny rules as they stand: how they will be narrowed is not known here.
  [[nodiscard]] bool works(const Edit& edit) const {
    PolicyTrial tried = trial_;
    edit.make(tried);
    const auto policies = tried.compiled();
    if (ask_layers(*policies, query_.target, now_).back().decision.action == policy::Action::kDeny) return false;
    if (tried.draws_a_problem()) return false;
    PolicyTrial written = written_;
    edit.make(written);
    return !written.fails_a_test();
  }

  /// Those that open least come first.
  [[nodiscard]] std::vector<Edit> candidates() const {
    // Any rule that already exists means more requests than this one.
    std::vector<Edit> all = query_.target.is_request ? std::vector<Edit>() : widenings();
    if (auto own = new_rule()) all.push_back(*std::move(own));
    return all;
  }

  [[nodiscard]] std::vector<Edit> widenings() const {
    struct Found {
      std::tuple<bool, bool, std::size_t> rank;
      Edit edit;
    };
    std::vector<Found> found;
    for (const RuleTrace& trace : traces_) {
      if (found.size() == kMostTried) break;
      if (trace.rule->action != policy::Action::kAllow || trace.rule->guardrail) continue;
      const auto place = trial_.find(trace.rule);
      if (!place || trial_.at(*place).list != RuleList::kAllow) continue;
      auto edit = widened(*place, trace);
      if (!edit) continue;
      // A name that is only similar is the least likely to be meant.
      found.push_back(
          {{!trial_.at(*place).has_matchers(), trace.stopper == Stopper::kHost, found.size()}, *std::move(edit)});
    }
    std::ranges::sort(found, {}, &Found::rank);
    std::vector<Edit> all;
    for (Found& one : found) all.push_back(std::move(one.edit));
    return all;
  }

  /// More than host and port are worth: bytes that nobody looks at, a credential, the network of the host.
  [[nodiscard]] bool gives_more(const Rule& rule) const {
    return (rule.opaque && query_.target.host) || !rule.credential.empty() ||
           (rule.info.private_destination && !is_private(query_.target));
  }

  [[nodiscard]] std::optional<Edit> widened(const RulePlace& place, const RuleTrace& trace) const {
    const Rule& rule = trial_.at(place);
    if (gives_more(rule)) return std::nullopt;
    const bool names_one = rule.to.size() == 1 && is_single(rule.to.front()) && rule.to.front().port;
    switch (trace.stopper) {
      case Stopper::kHost:
      case Stopper::kPort: {
        auto target = target_of(query_.target);
        if (!target) return std::nullopt;
        std::vector<Target> to = rule.to;
        to.push_back(*std::move(target));
        return edit_of(place, "add it to 'to'", "to: " + flow_list(to), [to](Rule& changed) { changed.to = to; });
      }
      case Stopper::kExcept:
        return without_except(place);
      case Stopper::kExpired:
        if (!names_one) return std::nullopt;
        return edit_of(place, "renew 'expires', or leave it out", "",
                       [](Rule& changed) { changed.expires = std::nullopt; });
      case Stopper::kNone:  // what it allows is refused for where it leads
        if (denied_.decision.reason != policy::Reason::kDstPrivate || !names_one) return std::nullopt;
        return edit_of(place, "open private space", "private: true",
                       [](Rule& changed) { changed.info.private_destination = true; });
      default:
        return std::nullopt;
    }
  }

  /// Where every entry that takes it out takes out nothing else.
  [[nodiscard]] std::optional<Edit> without_except(const RulePlace& place) const {
    const auto target = target_of(query_.target);
    if (!target) return std::nullopt;
    std::vector<Target> except;
    for (const Target& one : trial_.at(place).except) {
      if (!one.overlaps(*target)) {
        except.push_back(one);
      } else if (!is_single(one)) {
        return std::nullopt;
      }
    }
    return edit_of(place, "leave it out of 'except'", "except: " + flow_list(except),
                   [except](Rule& changed) { changed.except = except; });
  }

  [[nodiscard]] Edit edit_of(const RulePlace& place, std::string_view what, std::string yaml,
                             std::function<void(Rule&)> make) const {
    const Rule& rule = trial_.at(place);
    return {.told = {.what = fmt::format("in rule {}, {}", full_name(&rule.info), what),
                     .place = rule.info.place,
                     .yaml = std::move(yaml)},
            .make = [place, make = std::move(make)](PolicyTrial& trial) { make(trial.change(place)); }};
  }

  /// The credential of the rule beside which the new one stands, so that it is used alike.
  [[nodiscard]] std::string neighbours_credential() const {
    for (const RuleTrace& trace : traces_) {
      const auto place = is_of_request(trace.stopper) ? trial_.find(trace.rule) : std::nullopt;
      const bool beside = place && trial_.at(*place).list == RuleList::kAllow;
      if (beside && !trial_.at(*place).credential.empty()) return trial_.at(*place).credential;
    }
    return "";
  }

  /// One that no rule of the document has.
  [[nodiscard]] std::string free_name(const PolicyDocument* beside) const {
    const std::string wanted = query_.target.host ? "allow-" + query_.target.host->text() : "allow-address";
    std::set<std::string_view> taken;
    if (beside != nullptr) {
      for (const Rule& rule : beside->rules) taken.insert(rule.info.rule);
    }
    std::string name = wanted.substr(0, kLongestName);
    for (unsigned number = 2; taken.contains(name); ++number) {
      const std::string end = fmt::format("-{}", number);
      name = wanted.substr(0, kLongestName - end.size()) + end;
    }
    return name;
  }

  [[nodiscard]] std::string whole_policy(const std::string& rule) const {
    std::string guests;
    if (query_.labels.empty()) guests = query_.guest ? fmt::format("names: [{}]", quoted(query_.guest->text())) : "";
    for (const auto& [key, value] : query_.labels)
      guests += fmt::format("{}{}: {}", guests.empty() ? "matchLabels: {" : ", ", quoted(key), quoted(value));
    if (!query_.labels.empty()) guests += "}";
    return fmt::format(
        "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: {}}}\nspec:\n  guests: {{{}}}\n"
        "  allow:\n    - {}\n",
        kPolicyName, guests, rule);
  }

  /// It is read as it will be read from a file: what draws an error or a warning there is no candidate.
  [[nodiscard]] std::shared_ptr<const PolicyDocument> read_policy(const std::string& text) const {
    const policy::SourceText source{.name = "new", .text = text};
    const auto loaded = policy::load({&source, 1}, 1);
    if (!loaded.snapshot || !loaded.diagnostics.empty()) return nullptr;
    const auto chosen = loaded.snapshot->for_guest(query_.guest.value_or(*GuestName::parse("nobody")), query_.labels);
    const auto& documents = chosen->compiled().documents;
    return documents.empty() ? nullptr : documents.front();
  }

  [[nodiscard]] std::optional<Edit> new_rule() const {
    const auto fields = own_fields(query_.target);
    if (!fields) return std::nullopt;
    const auto& documents = trial_.documents();
    const auto beside = std::ranges::find_if(documents, [](const auto& one) { return !one->guardrail(); });
    const bool alone = beside == documents.end();
    const std::string rule = fmt::format("name: {}, {}", quoted(free_name(alone ? nullptr : beside->get())), *fields);
    const std::string whole = whole_policy("{" + rule + "}");
    const auto document = read_policy(whole);
    if (document == nullptr) return std::nullopt;
    if (alone) {
      return Edit{.told = {.what = "add a policy that selects the guest", .place = "", .yaml = whole},
                  .make = [document](PolicyTrial& trial) { trial.add_document(document); }};
    }
    // The credential is loaded already, and was not a part of the text that was read.
    const std::string credential = neighbours_credential();
    Rule made = document->rules.front();
    made.credential = credential;
    const auto number = static_cast<std::size_t>(beside - documents.begin());
    return Edit{.told = {.what = fmt::format("add a rule to 'allow' of {}, or of another policy that selects the guest",
                                             (*beside)->name),
                         .place = fmt::format("{}:{}", (*beside)->file, (*beside)->place.line),
                         .yaml = fmt::format("- {{{}{}}}", rule,
                                             credential.empty() ? "" : ", credential: " + quoted(credential))},
                .make = [number, made](PolicyTrial& trial) { trial.add_rule(number, made); }};
  }

  PolicyTrial trial_;    ///< without the deny rules that are in the way
  PolicyTrial written_;  ///< with them
  const ExplainQuery& query_;
  AskedLayer denied_;
  WallClock::time_point now_;
  std::vector<RuleTrace> traces_;  ///< of all rules, for what is denied
  std::vector<ExplainedChange> narrowed_;
  std::vector<std::unique_ptr<const policy::GuestPolicy>>
      narrowed_policies_;  ///< which `denied_` and `traces_` point into
  bool still_denied_ = true;
};

}  // namespace

NearestChange nearest_change(const policy::GuestPolicy& policy, const ExplainQuery& query, const AskedLayer& denied,
                             WallClock::time_point now, Deadline until) {
  if (denied.decision.action != policy::Action::kDeny) return {};
  return Changes(policy, query, denied, now).nearest(until);
}

}  // namespace enforcer::control
