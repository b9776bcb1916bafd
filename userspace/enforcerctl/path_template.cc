#include "enforcerctl/path_template.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/ascii.h"
#include "policy/glob.h"
#include "policy/path_text.h"

namespace enforcer::ctl {
namespace {

constexpr std::size_t kShortestHexId = 8;
constexpr std::string_view kUuidForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

/// One segment of paths, and those that follow it.
struct Segment {
  std::map<std::string, Segment, std::less<>> next;
  std::uint64_t requests = 0;  ///< that end here
  std::size_t paths = 0;
  std::string example;

  void merge(Segment&& other) {
    requests += other.requests;
    paths += other.paths;
    if (example.empty() || (!other.example.empty() && other.example < example)) example = std::move(other.example);
    for (auto& [text, segment] : other.next) next[text].merge(std::move(segment));
  }
};

bool is_hex(char c) {
  return ascii::hex_value(c) >= 0;
}

bool is_uuid(std::string_view text) {
  return std::ranges::equal(text, kUuidForm, [](char c, char form) { return form == '-' ? c == '-' : is_hex(c); });
}

bool is_id(std::string_view text) {
  return std::ranges::all_of(text, ascii::is_digit) || is_uuid(text) ||
         (text.size() >= kShortestHexId && std::ranges::all_of(text, is_hex));
}

/// Origins read it in two ways, and "*" would have to fit both: only the text itself does.
bool is_two_things(std::string_view text) {
  return text.contains(';') || text.contains("%2F") || text.contains("%3B");
}

void merge_some(Segment& segment, bool (*wanted)(std::string_view)) {
  Segment merged;
  for (auto entry = segment.next.begin(); entry != segment.next.end();) {
    if (!wanted(entry->first)) {
      ++entry;
      continue;
    }
    merged.merge(std::move(entry->second));
    entry = segment.next.erase(entry);
  }
  segment.next["*"].merge(std::move(merged));
}

void find_wildcards(Segment& segment) {
  const auto count = [&](auto wanted) {
    return std::ranges::count_if(segment.next, [&](const auto& entry) { return wanted(entry.first); });
  };
  const auto words =
      static_cast<std::size_t>(count([](std::string_view text) { return !is_id(text) && !is_two_things(text); }));
  if (words > kManyValues) {
    merge_some(segment, [](std::string_view text) { return !is_two_things(text); });
  } else if (count(is_id) >= 2) {
    merge_some(segment, is_id);
  }
  for (auto& [text, next] : segment.next) find_wildcards(next);
}

PathTemplate together(std::string pattern, const std::vector<PathTemplate>& templates) {
  PathTemplate sum{.pattern = std::move(pattern), .methods = {}, .example = templates.front().example};
  for (const PathTemplate& one : templates) {
    sum.requests += one.requests;
    sum.paths += one.paths;
    sum.example = std::min(sum.example, one.example);
  }
  return sum;
}

std::size_t different_depths(const std::vector<PathTemplate>& templates) {
  std::set<std::ptrdiff_t> depths;
  for (const PathTemplate& one : templates) depths.insert(std::ranges::count(one.pattern, '/'));
  return depths.size();
}

enum class Above { kWildcards, kLiteral };  ///< whether a segment above is a literal one

std::vector<PathTemplate> templates_below(const Segment& segment, const std::string& prefix, Above above) {
  std::vector<PathTemplate> found;
  if (segment.requests > 0) {
    found.push_back({prefix.empty() ? "/" : prefix, {}, segment.requests, segment.paths, segment.example});
  }
  for (const auto& [text, next] : segment.next) {
    const Above inside = text != "*" ? Above::kLiteral : above;
    for (PathTemplate& one : templates_below(next, prefix + "/" + text, inside)) found.push_back(std::move(one));
  }
  const bool is_tree = segment.next.contains("*") && different_depths(found) >= kManyDepths;
  if (above == Above::kWildcards || !(is_tree || found.size() > kManyTemplates)) return found;
  return {together(prefix + "/**", found)};
}

Segment tree_of(const std::vector<SeenRequest>& requests, const std::string& method) {
  std::map<std::string_view, std::uint64_t> paths;
  for (const SeenRequest& request : requests) {
    std::string_view path = request.path;
    if (path.ends_with('/')) path.remove_suffix(1);  // makes no difference to a pattern
    if (request.method == method) paths[path] += request.count;
  }
  Segment root;
  for (const auto& [path, count] : paths) {
    Segment* at = &root;
    for (std::string_view rest = path; !rest.empty();) {
      rest.remove_prefix(1);
      const auto slash = std::min(rest.find('/'), rest.size());
      at = &at->next[std::string(rest.substr(0, slash))];
      rest.remove_prefix(slash);
    }
    at->requests = count;
    at->paths = 1;
    at->example = path.empty() ? "/" : path;
  }
  return root;
}

/// "/a/*" beside "/a/new": the second says nothing more.
void drop_covered(std::vector<PathTemplate>& templates) {
  for (auto one = templates.begin(); one != templates.end();) {
    const bool comparable = !one->pattern.contains("**") && !is_two_things(one->pattern);
    const auto wider = std::ranges::find_if(templates, [&](const PathTemplate& other) {
      return comparable && other.pattern != one->pattern && policy::path_matches(other.pattern, one->pattern);
    });
    if (wider == templates.end()) {
      ++one;
      continue;
    }
    wider->requests += one->requests;
    wider->paths += one->paths;
    one = templates.erase(one);
  }
}

}  // namespace

bool can_be_learnt(const std::string& path) {
  return !path.contains('*') && policy::is_path_pattern(path);
}

std::vector<PathTemplate> learn_paths(const std::vector<SeenRequest>& requests) {
  std::set<std::string> methods;
  for (const SeenRequest& request : requests) methods.insert(request.method);
  std::map<std::string, PathTemplate> by_pattern;
  for (const std::string& method : methods) {
    Segment root = tree_of(requests, method);
    find_wildcards(root);
    auto templates = templates_below(root, "", Above::kWildcards);
    drop_covered(templates);
    for (PathTemplate& one : templates) {
      PathTemplate& known = by_pattern.try_emplace(one.pattern, PathTemplate{.pattern = one.pattern}).first->second;
      known.methods.insert(method);
      known.requests += one.requests;
      known.paths += one.paths;
      if (known.example.empty() || one.example < known.example) known.example = one.example;
    }
  }
  std::vector<PathTemplate> all;
  for (auto& [pattern, one] : by_pattern) all.push_back(std::move(one));
  return all;
}

}  // namespace enforcer::ctl
