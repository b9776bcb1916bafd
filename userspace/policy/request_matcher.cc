#include "policy/request_matcher.h"

#include <algorithm>

#include "policy/glob.h"
#include "policy/loose_path.h"
#include "policy/method_override.h"
#include "policy/parameters.h"

namespace enforcer::policy {
namespace {

Truth truth_of(bool known) {
  return known ? Truth::kYes : Truth::kNo;
}

bool recorded(const RequestFacts& request) {
  return request.extent == RequestFacts::Extent::kRecorded;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// One field line may hold several values, apart by commas (RFC 9110 5.3), or one value with a comma in it: an allow
/// wants each part to match, an objection is met by any part and by the whole.
bool field_matches(std::string_view pattern, std::string_view value, Leaning leaning) {
  const bool objecting = leaning == Leaning::kObjecting;
  const bool one_value = pattern.contains(',');
  if (one_value || (objecting && glob_matches(pattern, value))) return glob_matches(pattern, value);
  for (std::string_view rest = value;;) {
    const auto comma = rest.find(',');
    const bool fits = glob_matches(pattern, trimmed(rest.substr(0, comma)));
    if (fits == objecting) return fits;
    if (comma == std::string_view::npos) return !objecting;
    rest.remove_prefix(comma + 1);
  }
}

bool header_matches(const NamedPattern& wanted, const std::vector<FieldFact>& fields, Leaning leaning) {
  const bool objecting = leaning == Leaning::kObjecting;
  bool present = false;
  for (const FieldFact& field : fields) {
    if (field.name != wanted.name) continue;
    present = true;
    const bool fits = field_matches(wanted.pattern, field.value, leaning);
    if (fits == objecting) return fits;
  }
  return present && !objecting;
}

/// In one way of taking the query apart.
bool parameter_matches(const NamedPattern& wanted, std::string_view query, std::string_view separators,
                       Leaning leaning) {
  const bool objecting = leaning == Leaning::kObjecting;
  bool present = false;
  Parameter parameter;
  while (next_parameter(query, separators, parameter)) {
    if (!parameter.well_formed) return objecting;  // it may be the one that is asked for, and say anything
    if (parameter.name != wanted.name) continue;
    present = true;
    const bool fits = glob_matches(wanted.pattern, parameter.value);
    if (fits == objecting) return fits;
  }
  return present && !objecting;
}

bool query_matches(const NamedPattern& wanted, std::string_view query, Leaning leaning) {
  const bool two_readings = query.contains(';');  // a separator to some origins
  if (leaning == Leaning::kAllowing && two_readings) return false;
  return parameter_matches(wanted, query, "&", leaning) ||
         (two_readings && parameter_matches(wanted, query, kLenientSeparators, leaning));
}

/// A pattern for everything needs to know nothing. AWS compares letters exactly; where only their case differs, better
/// not to rely on that.
Truth part_matches(std::string_view pattern, std::string_view told) {
  if (pattern == "*") return Truth::kYes;
  if (told.empty()) return Truth::kCannotTell;
  if (glob_matches(pattern, told)) return Truth::kYes;
  return glob_matches(pattern, told, Letters::kFolded) ? Truth::kCannotTell : Truth::kNo;
}

Truth one_action_matches(const AwsMatcher& matcher, std::string_view service, std::string_view action) {
  Truth best = Truth::kNo;
  for (const AwsMatcher::Action& wanted : matcher.actions)
    best = std::max(best, std::min(part_matches(wanted.service, service), part_matches(wanted.action, action)));
  return best;
}

/// The origin may serve what the query says in place of what the head says: an allow wants both among its methods, an
/// objection is met by either, and by what may be any method.
Truth method_fits(const HttpMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  const bool objecting = leaning == Leaning::kObjecting;
  const auto named = [&](const std::string& method) {
    return std::ranges::find(matcher.methods, method) != matcher.methods.end();
  };
  const bool said = matcher.methods.empty() || named(request.method);
  if (matcher.methods.empty() || said == objecting || !request.query) return truth_of(said);
  const std::vector<std::string> instead = overriding_methods(*request.query);
  if (recorded(request) && !instead.empty()) return Truth::kCannotTell;
  const auto met = [&](const std::string& method) { return method.empty() || named(method); };
  return truth_of(objecting ? std::ranges::any_of(instead, met) : std::ranges::all_of(instead, named));
}

}  // namespace

bool path_fits(std::string_view pattern, std::string_view path, Leaning leaning) {
  const bool objecting = leaning == Leaning::kObjecting;
  const Letters letters = objecting ? Letters::kFolded : Letters::kExact;
  const bool literally = path_matches(pattern, path, letters);
  if (!ambiguous(path) || literally == objecting) return literally;
  return path_matches(loosely(pattern), loosely(path), letters);
}

Truth matches(const HttpMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  const Truth method = method_fits(matcher, request, leaning);
  if (method == Truth::kNo) return Truth::kNo;
  const auto fits_path = [&](const std::string& pattern) { return path_fits(pattern, request.path, leaning); };
  if (!matcher.paths.empty() && !std::ranges::any_of(matcher.paths, fits_path)) return Truth::kNo;
  if (is_unknown(method)) return method;
  const bool query_unknown = recorded(request) && request.query && !matcher.query.empty();
  if (query_unknown || (recorded(request) && !matcher.headers.empty())) return Truth::kCannotTell;
  const auto fits_header = [&](const NamedPattern& wanted) { return header_matches(wanted, request.fields, leaning); };
  const std::string_view query = request.query ? std::string_view(*request.query) : "";
  const auto fits_query = [&](const NamedPattern& wanted) { return query_matches(wanted, query, leaning); };
  return truth_of(std::ranges::all_of(matcher.headers, fits_header) && std::ranges::all_of(matcher.query, fits_query));
}

/// Whatever a request does has to be allowed, and one of the things that it does is enough to object.
Truth matches(const AwsMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  const AwsCall call = request.aws.value_or(AwsCall());
  Truth all = one_action_matches(matcher, call.service, call.action);
  for (const std::string& action : call.also) {
    const Truth one = one_action_matches(matcher, call.service, action);
    all = leaning == Leaning::kObjecting ? std::max(all, one) : std::min(all, one);
  }
  return all;
}

Truth matches(const RequestMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  Truth all = matcher.unseen ? Truth::kCannotSee : Truth::kYes;
  if (!matcher.http.empty()) {
    Truth one = Truth::kNo;
    for (const HttpMatcher& http : matcher.http) one = std::max(one, matches(http, request, leaning));
    all = std::min(all, one);
  }
  if (matcher.git) all = std::min(all, matches(*matcher.git, request, leaning));
  if (matcher.aws) all = std::min(all, matches(*matcher.aws, request, leaning));
  return all;
}

}  // namespace enforcer::policy
