#include "control/nearest_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "control/json_object.h"
#include "policy/address_guard.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/loader.h"

namespace enforcer::control {
namespace {

using policy::PolicyDocument;
using policy::Rule;
using policy::RuleList;
using policy::Stopper;
using policy::Target;

constexpr std::size_t kLongestName = 63;
/// Each is a compilation, on the thread that decides about DNS: nearest_changes() has a bound in time, too.
constexpr std::size_t kMostTried = 16;
constexpr std::string_view kPolicyName = "nearest-change";

/// Where a draft has a rule.
struct RulePlace {
  std::size_t document = 0;
  std::size_t rule = 0;
};

/// The documents of a candidate: those that are in force, but for what is changed.
struct Draft {
  std::vector<std::shared_ptr<const PolicyDocument>> documents;

  Rule& change(const RulePlace& place) {
    auto copy = std::make_shared<PolicyDocument>(*documents[place.document]);
    documents[place.document] = copy;
    return copy->rules[place.rule];
  }
};

struct Edit {
  ExplainedChange told;
  std::function<void(Draft&)> make;
};
using Edits = std::vector<Edit>;

/// As a double-quoted scalar (YAML 1.2.2, 7.3.1): JSON is one.
std::string quoted(const std::string& text) {
  return dump(nlohmann::json(text));
}

std::string flow_list(const std::vector<Target>& targets) {
  std::string list;
  for (const Target& target : targets) list += (list.empty() ? "" : ", ") + quoted(target.text);
  return fmt::format("[{}]", list);
}

/// What is asked about, as an entry of a list of targets: "api.github.com:443", "[2001:db8::1]:22".
std::string target_text(const ExplainTarget& target) {
  const auto port = static_cast<unsigned>(target.port);
  if (target.host) return fmt::format("{}:{}", target.host->text(), port);
  const std::string address = target.address->to_string();
  return target.address->is_v4() ? fmt::format("{}:{}", address, port) : fmt::format("[{}]:{}", address, port);
}

class Changes {
 public:
  Changes(const policy::GuestPolicy& policy, const ExplainQuery& query, const AskedLayer& denied,
          WallClock::time_point now)
      : compiled_(policy.compiled()),
        query_(query),
        denied_(denied),
        now_(now),
        traces_(policy::explain(policy, denied.facts).rules) {
    for (std::size_t i = 0; i < compiled_.documents.size(); ++i) {
      const auto& rules = compiled_.documents[i]->rules;
      for (std::size_t k = 0; k < rules.size(); ++k) places_.emplace(&rules[k].info, RulePlace{i, k});
    }
  }

  [[nodiscard]] std::vector<ExplainedChange> nearest(Deadline until) const {
    std::vector<Edits> openings = widenings();
    openings.push_back({new_rule()});
    const std::optional<Edit> exception = taken_out();
    if (exception) openings.insert(openings.begin(), Edits());
    for (Edits& edits : openings) {
      if (until.passed()) break;
      if (exception) edits.insert(edits.begin(), *exception);
      if (allowed_with(edits)) return told(edits);
    }
    return {};
  }

 private:
  [[nodiscard]] static std::vector<ExplainedChange> told(const Edits& edits) {
    std::vector<ExplainedChange> steps;
    for (const Edit& edit : edits) steps.push_back(edit.told);
    return steps;
  }

  [[nodiscard]] bool allowed_with(const Edits& edits) const {
    Draft draft{{compiled_.documents.begin(), compiled_.documents.end()}};
    for (const Edit& edit : edits) edit.make(draft);
    const policy::GuestPolicy changed(
        policy::compile(std::move(draft.documents), compiled_.credentials, compiled_.generation));
    const policy::Decision decision = ask_layers(changed, query_.target, now_).back().decision;
    return decision.action != policy::Action::kDeny;
  }

  [[nodiscard]] std::optional<RulePlace> place_of_rule(const policy::RuleInfo* info) const {
    const auto found = places_.find(info);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] const Rule& at(const RulePlace& place) const {
    return compiled_.documents[place.document]->rules[place.rule];
  }

  [[nodiscard]] Edit edit_of(const RulePlace& place, std::string_view what, std::string yaml,
                             std::function<void(Rule&)> make) const {
    const Rule& rule = at(place);
    return {.told = {.what = fmt::format("in rule {}, {}", full_name(&rule.info), what),
                     .place = rule.info.place,
                     .yaml = std::move(yaml)},
            .make = [place, make = std::move(make)](Draft& draft) { make(draft.change(place)); }};
  }

  [[nodiscard]] std::optional<Target> own_target() const {
    auto target = Target::parse(target_text(query_.target), policy::PortDefault::kEvery);
    return target ? std::optional(*std::move(target)) : std::nullopt;
  }

  /// Where a deny says no: the exception from it.
  [[nodiscard]] std::optional<Edit> taken_out() const {
    const policy::RuleInfo* info = denied_.decision.rule;
    const auto place = place_of_rule(info);
    const auto target = own_target();
    if (!place || !target || at(*place).list != RuleList::kDeny) return std::nullopt;
    std::vector<Target> except = at(*place).except;
    except.push_back(*target);
    const std::string_view what =
        info->guardrail ? "which is the host owner's and which no policy can undo, take it out" : "take it out";
    return edit_of(*place, what, "except: " + flow_list(except), [except](Rule& rule) { rule.except = except; });
  }

  /// One edit of each rule that one field kept from matching; those of more important fields come first.
  [[nodiscard]] std::vector<Edits> widenings() const {
    std::vector<std::pair<Stopper, Edit>> found;
    for (const policy::RuleTrace& trace : traces_) {
      if (found.size() == kMostTried) break;
      const auto place = place_of_rule(trace.rule);
      if (!place || at(*place).list != RuleList::kAllow) continue;
      if (auto edit = widened(*place, trace)) found.emplace_back(trace.stopper, *std::move(edit));
    }
    // A name that is only similar is the least likely to be meant.
    std::ranges::sort(found, {}, [](const auto& one) { return one.first == Stopper::kHost ? 1 : 0; });
    std::vector<Edits> all;
    for (auto& [stopper, edit] : found) all.push_back({std::move(edit)});
    return all;
  }

  [[nodiscard]] std::optional<Edit> widened(const RulePlace& place, const policy::RuleTrace& trace) const {
    const Rule& rule = at(place);
    switch (trace.stopper) {
      case Stopper::kHost:
      case Stopper::kPort: {
        auto target = own_target();
        if (!target) return std::nullopt;
        std::vector<Target> to = rule.to;
        to.push_back(*std::move(target));
        return edit_of(place, "add it to 'to'", "to: " + flow_list(to), [to](Rule& changed) { changed.to = to; });
      }
      case Stopper::kExcept: {
        std::vector<Target> except;
        for (const Target& one : rule.except) {
          if (!trace.detail.contains(quote_mark(one.text))) except.push_back(one);
        }
        return edit_of(place, "leave it out of 'except'", "except: " + flow_list(except),
                       [except](Rule& changed) { changed.except = except; });
      }
      case Stopper::kExpired:
        return edit_of(place, "renew 'expires', or leave it out", "",
                       [](Rule& changed) { changed.expires = std::nullopt; });
      case Stopper::kUpgrade:
        return edit_of(place, "let requests become WebSockets", "websocket: true",
                       [](Rule& changed) { changed.websocket = true; });
      case Stopper::kNone:  // what it allows is refused for where it leads
        if (denied_.decision.reason != policy::Reason::kDstPrivate) break;
        return edit_of(place, "open private space", "private: true",
                       [](Rule& changed) { changed.info.private_destination = true; });
      case Stopper::kProtocol:
      case Stopper::kScheme:
      case Stopper::kRequest:
        break;
    }
    return std::nullopt;
  }

  /// As explain() writes names in its sentences.
  [[nodiscard]] static std::string quote_mark(const std::string& text) { return "'" + text + "'"; }

  /// The fields of a rule for nothing but this question, behind its name.
  [[nodiscard]] std::string own_fields() const {
    const ExplainTarget& target = query_.target;
    std::string fields = "to: [" + quoted(target_text(target)) + "]";
    const auto request = denied_.facts.request;
    if (target.address && target.port != kHttpPort) fields += ", protocol: tcp";
    if (target.address && policy::judge_address(*target.address) == policy::AddressVerdict::kPrivate)
      fields += ", private: true";
    if (target.websocket) fields += ", websocket: true";
    if (!target.is_request || target.address) return fields;
    if (request && request->aws && !request->aws->action.empty()) {
      return fields +
             fmt::format(", aws: {{actions: [{}]}}", quoted(request->aws->service + ":" + request->aws->action));
    }
    if (target.request && target.request->git) {
      const bool push = target.request->git->operation == policy::GitCall::Operation::kPush;
      return fields + fmt::format(", git: {{repos: [{}], operations: [{}]}}", quoted(target.request->git->repository),
                                  push ? "fetch, push" : "fetch");
    }
    if (target.request) return fields;
    return fields + fmt::format(", http: [{{methods: [{}], paths: [{}]}}]", target.method, quoted(target.path));
  }

  /// The credential of the rule beside which the new one stands, so that it is used alike.
  [[nodiscard]] std::string neighbours_credential() const {
    for (const policy::RuleTrace& trace : traces_) {
      const auto place = place_of_rule(trace.rule);
      const bool beside = place && at(*place).list == RuleList::kAllow && trace.stopper == Stopper::kRequest;
      if (beside && !at(*place).credential.empty()) return at(*place).credential;
    }
    return "";
  }

  [[nodiscard]] std::string own_rule(const std::string& credential) const {
    const std::string name = query_.target.host ? "allow-" + query_.target.host->text() : "allow-address";
    return fmt::format("{{name: {}, {}{}}}", quoted(name.substr(0, kLongestName)), own_fields(),
                       credential.empty() ? "" : ", credential: " + quoted(credential));
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

  /// The rule is read as it will be read from a file: what does not load is no candidate. Its credential is loaded
  /// already, and not a part of that text.
  [[nodiscard]] std::shared_ptr<PolicyDocument> read_rule(const std::string& credential) const {
    const policy::SourceText source{.name = "new", .text = whole_policy(own_rule(""))};
    const auto loaded = policy::load({&source, 1}, 1);
    if (!loaded.snapshot) return nullptr;
    const auto chosen = loaded.snapshot->for_guest(query_.guest.value_or(*GuestName::parse("nobody")), query_.labels);
    if (chosen->compiled().documents.empty()) return nullptr;
    auto document = std::make_shared<PolicyDocument>(*chosen->compiled().documents.front());
    for (Rule& rule : document->rules) rule.credential = credential;
    return document;
  }

  [[nodiscard]] Edit new_rule() const {
    const std::string credential = neighbours_credential();
    const std::string rule = own_rule(credential);
    const auto document = read_rule(credential);
    const auto beside = std::ranges::find_if(compiled_.documents, [](const auto& one) { return !one->guardrail(); });
    Edit edit{.told = {}, .make = [document](Draft& draft) {
                if (document) draft.documents.push_back(document);
              }};
    if (beside == compiled_.documents.end()) {
      edit.told = {.what = "add a policy that selects the guest", .place = "", .yaml = whole_policy(rule)};
    } else {
      edit.told = {.what = fmt::format("add a rule to 'allow' of {}, or of another policy that selects the guest",
                                       (*beside)->name),
                   .place = fmt::format("{}:{}", (*beside)->file, (*beside)->place.line),
                   .yaml = "- " + rule};
    }
    return edit;
  }

  const policy::CompiledPolicy& compiled_;
  const ExplainQuery& query_;
  const AskedLayer& denied_;
  WallClock::time_point now_;
  const std::vector<policy::RuleTrace> traces_;  ///< of all rules, for what is denied
  std::unordered_map<const policy::RuleInfo*, RulePlace> places_;
};

}  // namespace

std::vector<ExplainedChange> nearest_changes(const policy::GuestPolicy& policy, const ExplainQuery& query,
                                             const AskedLayer& denied, WallClock::time_point now, Deadline until) {
  if (denied.decision.action != policy::Action::kDeny) return {};
  return Changes(policy, query, denied, now).nearest(until);
}

}  // namespace enforcer::control
