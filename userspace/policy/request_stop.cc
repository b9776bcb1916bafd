#include "policy/request_stop.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "policy/parameters.h"

namespace enforcer::policy {
namespace {

constexpr std::size_t kLongestShown = 128;
constexpr std::size_t kMostListed = 6;
constexpr std::size_t kMostEntries = 3;

/// One field of a matcher, beside what the request says.
struct AskedField {
  Stopper field;
  bool fits;
  std::string text;  ///< both, in words
};
using AskedFields = std::vector<AskedField>;

std::string shown(std::string_view text) {
  return escape_untrusted(text, kLongestShown);
}

std::string listed(const std::vector<std::string>& items) {
  std::string list;
  for (std::size_t i = 0; i < std::min(items.size(), kMostListed); ++i) list += (i == 0 ? "" : ", ") + shown(items[i]);
  if (items.size() > kMostListed) list += fmt::format(" and {} more", items.size() - kMostListed);
  return fmt::format("[{}]", list);
}

AskedField in_list(Stopper field, bool fits, std::string_view said, const std::vector<std::string>& wanted) {
  return {field, fits, fmt::format("{} {} {}", said, fits ? "is in" : "is not in", listed(wanted))};
}

AskedField asked_header(const NamedPattern& wanted, const RequestFacts& request, bool fits) {
  const bool there = std::ranges::find(request.fields, wanted.name, &FieldFact::name) != request.fields.end();
  if (!there) return {Stopper::kHeader, fits, fmt::format("no header {} is there", shown(wanted.name))};
  return {
      Stopper::kHeader, fits,
      fmt::format("header {} {} '{}'", shown(wanted.name), fits ? "matches" : "does not match", shown(wanted.pattern))};
}

AskedField asked_parameter(const NamedPattern& wanted, const RequestFacts& request, bool fits) {
  std::string said;
  std::string_view rest = request.query ? std::string_view(*request.query) : "";
  for (Parameter parameter; next_parameter(rest, "&", parameter);) {
    if (!parameter.well_formed || parameter.name != wanted.name) continue;
    said += fmt::format("{}{}={}", said.empty() ? "" : "&", shown(parameter.name), shown(parameter.value));
  }
  if (said.empty()) return {Stopper::kQuery, fits, fmt::format("no query parameter {} is there", shown(wanted.name))};
  return {Stopper::kQuery, fits,
          fmt::format("query {} {} '{}={}'", said, fits ? "matches" : "does not match", shown(wanted.name),
                      shown(wanted.pattern))};
}

/// All fields of one entry of `http`, in the order in which people write them.
AskedFields asked_fields(const HttpMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  const auto fits = [&](const HttpMatcher& part) { return matches(part, request, leaning) == Truth::kYes; };
  AskedFields fields;
  if (!matcher.methods.empty()) {
    fields.push_back(in_list(Stopper::kMethod, fits({.methods = matcher.methods}), "method " + shown(request.method),
                             matcher.methods));
  }
  if (!matcher.paths.empty()) {
    fields.push_back(
        in_list(Stopper::kPath, fits({.paths = matcher.paths}), "path " + shown(request.path), matcher.paths));
  }
  for (const NamedPattern& header : matcher.headers)
    fields.push_back(asked_header(header, request, fits({.headers = {header}})));
  for (const NamedPattern& parameter : matcher.query)
    fields.push_back(asked_parameter(parameter, request, fits({.query = {parameter}})));
  return fields;
}

/// What of a push its refs and the rule's words are about.
AskedFields asked_updates(const GitMatcher& matcher, const GitCall& call, Leaning leaning) {
  AskedFields fields;
  if (!call.updates) return fields;
  for (const GitCall::Update& update : *call.updates) {
    RequestFacts one{.method = "POST", .path = fmt::format("/{}.git/git-receive-pack", call.repository)};
    one.git = call;
    one.git->updates = {update};
    const auto fits = [&](const GitMatcher& part) { return matches(part, one, leaning) == Truth::kYes; };
    const std::string ref = shown(update.ref);
    if (!matcher.refs.empty()) {
      const GitMatcher part{.repos = matcher.repos, .refs = matcher.refs};
      fields.push_back(in_list(Stopper::kGit, fits(part), "git ref " + ref, matcher.refs));
    }
    const auto say = [&](std::string_view key, std::string_view verb, GitMatcher::Word word, const GitMatcher& part) {
      const bool only = word == GitMatcher::Word::kOnly;
      const bool meant = fits(part);
      if (word == GitMatcher::Word::kNone || (meant && !only)) return;
      const std::string does = only && !meant ? fmt::format("does not {}", verb) : fmt::format("{}s", verb);
      fields.push_back(
          {Stopper::kGit, meant,
           fmt::format("the push {} git ref {}, and the rule says '{}: {}'", does, ref, key, only ? "only" : "deny")});
    };
    say("force", "force", matcher.force, {.repos = matcher.repos, .force = matcher.force});
    say("delete", "delete", matcher.deletion, {.repos = matcher.repos, .deletion = matcher.deletion});
  }
  return fields;
}

AskedFields asked_fields(const GitMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  if (!request.git) return {{Stopper::kGit, false, "it is no request of git's smart HTTP protocol"}};
  const GitCall& call = *request.git;
  const bool push = call.operation == GitCall::Operation::kPush;
  std::vector<std::string> operations;
  if (matcher.fetch) operations.emplace_back("fetch");
  if (matcher.push) operations.emplace_back("push");
  const GitMatcher named{.repos = matcher.repos};
  AskedFields fields{in_list(Stopper::kGit, push ? matcher.push : matcher.fetch,
                             fmt::format("git operation {}", push ? "push" : "fetch"), operations),
                     in_list(Stopper::kGit, matches(named, request, leaning) == Truth::kYes,
                             "git repository " + shown(call.repository), matcher.repos)};
  if (!matcher.asks_for_updates()) return fields;
  AskedFields updates = asked_updates(matcher, call, leaning);
  if (updates.empty() && leaning == Leaning::kObjecting)
    updates.push_back({Stopper::kGit, false, "it updates no git ref, and the rule asks about those"});
  std::ranges::move(updates, std::back_inserter(fields));
  return fields;
}

AskedFields asked_fields(const AwsMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  std::vector<std::string> wanted;
  for (const AwsMatcher::Action& action : matcher.actions)
    wanted.push_back(fmt::format("{}:{}", action.service, action.action));
  const AwsCall call = request.aws.value_or(AwsCall());
  if (call.action.empty()) {
    const bool fits = matches(matcher, request, leaning) == Truth::kYes;
    return {in_list(Stopper::kAws, fits, "aws service " + shown(call.service), wanted)};
  }
  AskedFields fields;
  const auto add = [&](const std::string& action) {
    RequestFacts one{.aws = AwsCall{.service = call.service, .action = action}};
    fields.push_back(in_list(Stopper::kAws, matches(matcher, one, leaning) == Truth::kYes,
                             fmt::format("aws action {}:{}", shown(call.service), shown(action)), wanted));
  };
  add(call.action);
  for (const std::string& action : call.also) add(action);
  return fields;
}

std::size_t count_unfit(const AskedFields& fields) {
  return static_cast<std::size_t>(std::ranges::count(fields, false, &AskedField::fits));
}

enum class Which { kFitting, kUnfit };

std::string texts_of(const AskedFields& fields, Which which) {
  std::string text;
  std::size_t count = 0;
  for (const AskedField& field : fields) {
    if (field.fits != (which == Which::kFitting) || ++count > kMostListed) continue;
    text += (text.empty() ? "" : " and ") + field.text;
  }
  return text;
}

/// Collects what stopped the parts of a matcher, all of which must mean the request.
class Stops {
 public:
  /// One way in which a part could have meant it; several of them are alternatives.
  void add(const AskedFields& fields) {
    const std::string text = texts_of(fields, Which::kUnfit);
    found_.detail += (found_.detail.empty() ? "" : "; ") + text;
    for (const AskedField& field : fields) {
      if (field.fits) continue;
      if (!any_) found_.field = field.field;
      if (any_ && found_.field != field.field) found_.field = Stopper::kRequest;
      any_ = true;
    }
  }
  [[nodiscard]] RequestStop take() { return std::move(found_); }

 private:
  RequestStop found_;
  bool any_ = false;
};

/// Those entries that the fewest fields keep from matching.
std::vector<AskedFields> closest_entries(const std::vector<HttpMatcher>& entries, const RequestFacts& request,
                                         Leaning leaning) {
  std::vector<AskedFields> closest;
  for (const HttpMatcher& entry : entries) {
    AskedFields fields = asked_fields(entry, request, leaning);
    if (!closest.empty() && count_unfit(fields) > count_unfit(closest.front())) continue;
    if (!closest.empty() && count_unfit(fields) < count_unfit(closest.front())) closest.clear();
    if (closest.size() < kMostEntries) closest.push_back(std::move(fields));
  }
  return closest;
}

}  // namespace

RequestStop request_stop(const RequestMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  Stops stops;
  const auto denies = [&](const RequestMatcher& part) { return matches(part, request, leaning) == Truth::kNo; };
  if (!matcher.http.empty() && denies({.http = matcher.http})) {
    for (const AskedFields& fields : closest_entries(matcher.http, request, leaning)) stops.add(fields);
  }
  if (matcher.git && denies({.git = matcher.git})) stops.add(asked_fields(*matcher.git, request, leaning));
  if (matcher.aws && denies({.aws = matcher.aws})) stops.add(asked_fields(*matcher.aws, request, leaning));
  return stops.take();
}

std::string request_hit(const RequestMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  std::string text;
  const auto add = [&](const AskedFields& fields) {
    const std::string hit = texts_of(fields, Which::kFitting);
    if (!hit.empty()) text += (text.empty() ? "" : " and ") + hit;
  };
  const auto hit = std::ranges::find_if(
      matcher.http, [&](const HttpMatcher& entry) { return matches(entry, request, leaning) == Truth::kYes; });
  if (hit != matcher.http.end()) add(asked_fields(*hit, request, leaning));
  const auto means = [&](const RequestMatcher& part) { return matches(part, request, leaning) == Truth::kYes; };
  if (matcher.git && means({.git = matcher.git})) add(asked_fields(*matcher.git, request, leaning));
  if (matcher.aws && means({.aws = matcher.aws})) add(asked_fields(*matcher.aws, request, leaning));
  return text;
}

}  // namespace enforcer::policy
