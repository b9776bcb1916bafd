#include "policy/request_matcher.h"

#include <algorithm>

#include "policy/glob.h"
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

/// Does the query of "info/refs" ask for this service? Git writes exactly that and nothing else.
bool names_service(std::string_view query, std::string_view service, Leaning leaning) {
  if (leaning == Leaning::kAllowing) return query.starts_with("service=") && query.substr(8) == service;
  return query_matches({"service", std::string(service)}, query, leaning);
}

/// "acme/w" of a request that is this service's; empty: it is not.
std::string_view repository_of(const RequestFacts& request, std::string_view service, Leaning leaning) {
  std::string_view path = request.path;
  if (leaning == Leaning::kObjecting && path.ends_with('/')) path.remove_suffix(1);
  std::string_view end;
  if (request.method == "POST" && path.ends_with(service)) {
    end = service;
  } else if (request.method == "GET" && names_service(request.query.value_or(""), service, leaning)) {
    end = "info/refs";
  }
  if (end.empty() || !path.ends_with(end)) return {};
  path.remove_suffix(end.size());
  if (path.size() < 2 || !path.ends_with('/')) return {};
  path = path.substr(1, path.size() - 2);
  if (path.ends_with(".git")) path.remove_suffix(4);
  return path;
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

bool ambiguous(std::string_view path) {
  return path.contains(';') || path.contains("%2F") || path.contains("%3B");
}

/// As some origins read a path: an escaped slash is one, a segment's parameters (";x") are none of its name.
std::string loosely(std::string_view path) {
  std::string out;
  bool in_parameters = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view rest = path.substr(i);
    const bool escaped_slash = rest.starts_with("%2F");
    in_parameters =
        rest.starts_with(';') || rest.starts_with("%3B") || (in_parameters && rest[0] != '/' && !escaped_slash);
    if (!in_parameters) out += escaped_slash ? '/' : rest[0];
    if (escaped_slash) i += 2;
  }
  return out;
}

/// Allowed is what fits whichever way the origin reads it; objected to, what fits any way, in letters of either case.
bool path_fits(const std::string& pattern, const std::string& path, Leaning leaning) {
  const bool objecting = leaning == Leaning::kObjecting;
  const Letters letters = objecting ? Letters::kFolded : Letters::kExact;
  const bool literally = path_matches(pattern, path, letters);
  if (!ambiguous(path) || literally == objecting) return literally;
  return path_matches(loosely(pattern), loosely(path), letters);
}

Truth matches_service(const GitMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  // Most forges take "Acme/W" for "acme/w": an objection must hold for both.
  const Letters letters = leaning == Leaning::kObjecting ? Letters::kFolded : Letters::kExact;
  const auto means = [&](std::string_view service) {
    const auto is_named = [&](std::string_view repository) {
      return !repository.empty() && std::ranges::any_of(matcher.repos, [&](const std::string& pattern) {
        return path_matches(pattern, repository, letters);
      });
    };
    if (!ambiguous(request.path)) return is_named(repository_of(request, service, leaning));
    if (leaning == Leaning::kAllowing) return false;  // no forge has such a repository
    RequestFacts loose = request;
    loose.path = loosely(request.path);
    return is_named(repository_of(request, service, leaning)) || is_named(repository_of(loose, service, leaning));
  };
  return truth_of((matcher.fetch && means("git-upload-pack")) || (matcher.push && means("git-receive-pack")));
}

/// "info/refs" of which it is not known for which service.
bool hides_service(const RequestFacts& request) {
  return recorded(request) && request.query && request.query->contains('*') && request.method == "GET";
}

/// For either service, because a record does not say which.
Truth matches_some_service(const GitMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  RequestFacts guess = request;
  for (const char* query : {"service=git-upload-pack", "service=git-receive-pack"}) {
    guess.query = query;
    if (matches_service(matcher, guess, leaning) != Truth::kNo) return Truth::kCannotTell;
  }
  return Truth::kNo;
}

}  // namespace

Truth matches(const HttpMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  const bool method =
      matcher.methods.empty() || std::ranges::find(matcher.methods, request.method) != matcher.methods.end();
  if (!method) return Truth::kNo;
  const auto fits_path = [&](const std::string& pattern) { return path_fits(pattern, request.path, leaning); };
  if (!matcher.paths.empty() && !std::ranges::any_of(matcher.paths, fits_path)) return Truth::kNo;
  const bool query_unknown = recorded(request) && request.query && !matcher.query.empty();
  if (query_unknown || (recorded(request) && !matcher.headers.empty())) return Truth::kCannotTell;
  const auto fits_header = [&](const NamedPattern& wanted) { return header_matches(wanted, request.fields, leaning); };
  const std::string_view query = request.query ? std::string_view(*request.query) : "";
  const auto fits_query = [&](const NamedPattern& wanted) { return query_matches(wanted, query, leaning); };
  return truth_of(std::ranges::all_of(matcher.headers, fits_header) && std::ranges::all_of(matcher.query, fits_query));
}

Truth matches(const GitMatcher& matcher, const RequestFacts& request, Leaning leaning) {
  return hides_service(request) ? matches_some_service(matcher, request, leaning)
                                : matches_service(matcher, request, leaning);
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
