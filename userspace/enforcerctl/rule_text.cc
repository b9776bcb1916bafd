#include "enforcerctl/rule_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "enforcerctl/yaml_text.h"

namespace enforcer::ctl {
namespace {

constexpr std::size_t kLongestStem = 48;  // of a name's 63, so that there is room behind it

std::vector<std::string> as_list(const std::set<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

std::uint64_t total(const std::vector<SeenRequest>& requests) {
  std::uint64_t sum = 0;
  for (const SeenRequest& request : requests) sum += request.count;
  return sum;
}

}  // namespace

std::string rule_name_for(const std::string& target) {
  std::string name;
  for (const char c : target) name += ascii::is_lower(c) || ascii::is_digit(c) || c == '.' ? c : '-';
  if (name.size() > kLongestStem) name.resize(kLongestStem);
  while (!name.empty() && !ascii::is_alphanumeric(name.front())) name.erase(0, 1);
  while (!name.empty() && !ascii::is_alphanumeric(name.back())) name.pop_back();
  return name.empty() ? "place" : name;
}

void RuleText::line(const std::string& text) {
  text_ += "    " + text + "\n";
}

std::string RuleText::unused_name(const std::string& target, Suffix suffix) {
  static constexpr std::string_view kSuffixes[] = {"", "-websocket", "-aws", "-git"};
  std::string stem = rule_name_for(target);
  if (stem == "other" || stem == "ceiling" || stem == "audit-mode") stem += "-host";  // metrics mean something by them
  const std::string wanted = stem + std::string(kSuffixes[static_cast<std::size_t>(suffix)]);
  std::string name = wanted;
  for (int number = 2; !names_.insert(name).second; ++number) name = fmt::format("{}-{}", wanted, number);
  return name;
}

void RuleText::begin(const std::string& target, const Sighting& seen, Suffix suffix, const std::string& why) {
  line("# " + why);
  line("- name: " + yaml_quoted(unused_name(target, suffix)));
  line("  to: " + yaml_list({target}));
  if (seen.private_space) line("  private: true  # it led to an address that is not globally routable");
}

void RuleText::add_requests(const std::vector<SeenRequest>& requests) {
  // An entry allows each of its methods on each of its paths, so only paths with the same methods share one.
  std::map<std::set<std::string>, std::vector<PathTemplate>> entries;
  for (PathTemplate& one : learn_paths(requests)) entries[one.methods].push_back(std::move(one));
  line("  http:");
  for (const auto& [methods, templates] : entries) {
    line("    - methods: " + yaml_list(as_list(methods)));
    line("      paths:");
    for (const PathTemplate& one : templates) {
      const bool literal = one.pattern == one.example;
      const std::string ground = literal ? ""
                                         : fmt::format(" for {}, such as {}", count_of(one.paths, "different path"),
                                                       yaml_comment(one.example));
      line(fmt::format("        - {}  # {}{}", yaml_quoted(one.pattern), count_of(one.requests, "request"), ground));
    }
  }
}

void RuleText::add_git(const std::string& target, const Sighting& seen) {
  std::map<std::string, std::set<std::string>> operations;  // of each repository
  for (const auto& [what, git] : seen.git) operations[what.second].insert(what.first);
  std::map<std::set<std::string>, std::vector<std::string>> rules;
  for (const auto& [repository, allowed] : operations) rules[allowed].push_back(repository);
  for (const auto& [allowed, repositories] : rules) {
    begin(target, seen, Suffix::kGit, "git over HTTP");
    line("  git:");
    line("    operations: " + yaml_list(as_list(allowed)));
    line("    repos:");
    for (const std::string& repository : repositories) {
      line("      - " + yaml_quoted(repository));
      for (const std::string& operation : allowed) {
        const Sighting::Git& git = seen.git.at({operation, repository});
        std::string refs;
        for (const std::string& ref : git.refs) refs += " " + ref;
        line(fmt::format("        # {} of {}{}", count_of(git.requests, "request"), operation, yaml_comment(refs)));
      }
    }
  }
}

void RuleText::add(const std::string& target, const Sighting& seen) {
  const std::uint64_t looked_into = total(seen.requests) + total(seen.websockets);
  if (seen.relayed > 0) {
    // No other rule may stand beside it.
    begin(target, seen, Suffix::kNone, count_of(seen.relayed, "connection") + " of a protocol that nobody looked into");
    line("  protocol: tcp");
  } else if (seen.passed > 0) {
    begin(target, seen, Suffix::kNone,
          count_of(seen.passed, "connection") + " of TLS that passed through: their requests were not seen");
    if (looked_into > 0)
      line(fmt::format("  # {} beside them were looked into, and say nothing about the others",
                       count_of(looked_into, "request")));
  } else {
    if (!seen.requests.empty()) {
      begin(target, seen, Suffix::kNone, count_of(total(seen.requests), "request"));
      add_requests(seen.requests);
    }
    if (!seen.websockets.empty()) {
      begin(target, seen, Suffix::kWebSocket,
            count_of(total(seen.websockets), "request") + " for a WebSocket: what is said over it is not looked into");
      line("  websocket: true");
      add_requests(seen.websockets);
    }
    if (!seen.aws.empty()) {
      begin(target, seen, Suffix::kAws, "calls of AWS");
      line("  aws:");
      line("    actions:");
      for (const auto& [action, count] : seen.aws)
        line(fmt::format("      - {}  # {}", yaml_quoted(action), count_of(count, "request")));
    }
    add_git(target, seen);
  }
  for (const auto& [credential, count] : seen.credentials) {
    line(fmt::format("  # credential: {}  # was added to {}; it needs its Credential loaded beside this policy",
                     yaml_comment(yaml_quoted(credential)), count_of(count, "request")));
  }
}

}  // namespace enforcer::ctl
