#include "naive_request.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace enforcer::policy::test::naive {
namespace {

bool starts(const std::string& text, const std::string& with) {
  return text.compare(0, with.size(), with) == 0;
}

/// All values that a request has under a name, parted at commas.
std::vector<std::string> header_values(const RequestFacts& request, const std::string& name) {
  std::vector<std::string> values;
  for (const FieldFact& field : request.fields) {
    if (field.name != name) continue;
    std::string value;
    for (const char c : field.value + ",") {
      if (c == ',') values.push_back(std::exchange(value, ""));
      if (c != ',' && c != ' ') value += c;
    }
  }
  return values;
}

std::vector<std::string> query_values(const RequestFacts& request, const std::string& name) {
  std::vector<std::string> values;
  std::string piece;
  for (const char c : request.query.value_or("") + "&") {
    if (c != '&') {
      piece += c;
      continue;
    }
    if (starts(piece, name + "=")) values.push_back(piece.substr(name.size() + 1));
    piece.clear();
  }
  return values;
}

/// Every value for a rule that allows, some value for one that objects; and at least one.
Truth all_or_some(const std::vector<std::string>& values, bool objects,
                  const std::function<bool(const std::string&)>& fits) {
  const auto hits = std::ranges::count_if(values, fits);
  const bool enough = objects ? hits > 0 : hits == std::ssize(values);
  return !values.empty() && enough ? kYes : kNo;
}

}  // namespace

Truth naive_ask(const std::string& matcher, bool objects, const RequestFacts& request) {
  const auto yes_if = [](bool yes) { return yes ? kYes : kNo; };
  if (matcher == "get") return yes_if(request.method == "GET");
  if (matcher == "path") return yes_if(request.path == "/a" || starts(request.path, "/a/"));
  if (matcher == "header")
    return all_or_some(header_values(request, "role"), objects, [](const std::string& v) { return starts(v, "user"); });
  if (matcher == "query")
    return all_or_some(query_values(request, "s"), objects, [](const std::string& v) { return v == "open"; });
  if (matcher == "fetch") {
    const bool refs =
        request.method == "GET" && request.path == "/a/w.git/info/refs" && request.query == "service=git-upload-pack";
    return yes_if(refs || (request.method == "POST" && request.path == "/a/w.git/git-upload-pack"));
  }
  if (matcher == "refs") {
    const bool lists = request.method == "GET" && request.path == "/a/w.git/info/refs" &&
                       (request.query == "service=git-upload-pack" || request.query == "service=git-receive-pack");
    if (lists || (request.method == "POST" && request.path == "/a/w.git/git-upload-pack")) return yes_if(!objects);
    if (request.method != "POST" || request.path != "/a/w.git/git-receive-pack") return kNo;
    if (!request.git || !request.git->updates) return kCannotTell;
    const auto fits = [&](const GitCall::Update& update) {
      return update.ref == "refs/heads/x" || (objects && update.ref == "refs/heads/X");
    };
    const auto hits = std::ranges::count_if(*request.git->updates, fits);
    return yes_if(objects ? hits > 0 : hits == std::ssize(*request.git->updates));
  }
  if (matcher == "aws") {
    const std::string service = request.aws ? request.aws->service : "";
    const std::string action = request.aws ? request.aws->action : "";
    if ((!service.empty() && service != "ce") || (!action.empty() && !starts(action, "Get"))) return kNo;
    return service.empty() || action.empty() ? kCannotTell : kYes;
  }
  if (matcher == "both") return request.method == "GET" ? kCannotSee : kNo;  // get and mcp
  return kCannotSee;
}

bool naive_brings_credential(const RequestFacts& request) {
  return !header_values(request, "authorization").empty() || !query_values(request, "api_key").empty();
}

bool naive_mints(const RequestFacts& request) {
  return request.path == "/oauth/token" || (request.path == "/user/keys" && request.method != "GET");
}

std::string naive_matcher_yaml(const std::string& matcher) {
  static const std::map<std::string, std::string> kYaml{
      {"get", "http: [{methods: [GET]}]"},
      {"path", "http: [{paths: ['/a/**']}]"},
      {"header", "http: [{headers: {Role: 'user*'}}]"},
      {"query", "http: [{query: {s: open}}]"},
      {"fetch", "git: {repos: ['a/*'], operations: [fetch]}"},
      {"refs", "git: {repos: ['a/*'], refs: [refs/heads/x]}"},
      {"aws", "aws: {actions: ['ce:Get*']}"},
      {"mcp", "mcp: {}"},
      {"both", "http: [{methods: [GET]}], mcp: {}"},
  };
  return kYaml.at(matcher);
}

}  // namespace enforcer::policy::test::naive
