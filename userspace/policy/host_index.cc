#include "policy/host_index.h"

#include <algorithm>

namespace enforcer::policy {
namespace {

void sort_by_rule(std::vector<TargetEntry>& entries) {
  std::ranges::sort(entries, {}, &TargetEntry::rule);
}

}  // namespace

std::uint32_t HostIndex::child(std::uint32_t node, const std::string& label) {
  std::uint32_t& place = label == "*" ? nodes_[node].any_child : nodes_[node].children[label];
  if (place != 0) return place;
  const auto made = static_cast<std::uint32_t>(nodes_.size());
  place = made;
  nodes_.emplace_back();  // invalidates `place`
  return made;
}

void HostIndex::add(const HostPattern& pattern, TargetEntry entry) {
  if (pattern.exact()) {
    exact_[pattern.text()].push_back(entry);
    return;
  }
  has_wildcards_ = true;
  const auto& labels = pattern.labels();
  const bool wild_first = !pattern.any_depth() && labels.front().find('*') != std::string::npos;
  std::uint32_t at = 0;
  for (std::size_t i = labels.size(); i-- > (wild_first ? 1 : 0);) at = child(at, labels[i]);
  Node& node = nodes_[at];
  if (pattern.any_depth()) {
    node.any_depth.push_back(entry);
  } else if (!wild_first) {
    node.here.push_back(entry);
  } else if (labels.front() == "*") {
    node.one_label.push_back(entry);
  } else {
    const std::string& label = labels.front();
    const Lengths lengths{label.find('*'), label.size() - label.find('*') - 1};
    if (std::ranges::find(node.inside_lengths, lengths) == node.inside_lengths.end())
      node.inside_lengths.push_back(lengths);
    node.inside[label].push_back(entry);
  }
}

void HostIndex::seal() {
  for (auto& [name, entries] : exact_) sort_by_rule(entries);
  for (Node& node : nodes_) {
    sort_by_rule(node.here);
    sort_by_rule(node.one_label);
    sort_by_rule(node.any_depth);
    for (auto& [label, entries] : node.inside) sort_by_rule(entries);
  }
}

void HostIndex::find_inside(const Node& node, std::string_view label, MatchList& out) {
  std::string key;
  for (const Lengths& lengths : node.inside_lengths) {
    if (lengths.prefix + lengths.suffix >= label.size()) continue;
    ++out.steps;
    key.assign(label.substr(0, lengths.prefix)).append("*").append(label.substr(label.size() - lengths.suffix));
    if (const auto found = node.inside.find(key); found != node.inside.end()) out.add(found->second);
  }
}

void HostIndex::find_exact(const HostName& name, MatchList& out) const {
  ++out.steps;
  if (const auto found = exact_.find(name.text()); found != exact_.end()) out.add(found->second);
}

void HostIndex::find_wildcards(const HostName& name, MatchList& out) const {
  if (has_wildcards_) find_from(0, name.text(), out);
}

void HostIndex::find_from(std::uint32_t at, std::string_view left, MatchList& out) const {
  ++out.steps;
  const Node& node = nodes_[at];
  if (left.empty()) return out.add(node.here);
  out.add(node.any_depth);
  const auto dot = left.rfind('.');
  const bool is_first = dot == std::string_view::npos;
  const std::string_view label = is_first ? left : left.substr(dot + 1);
  const std::string_view before = is_first ? std::string_view() : left.substr(0, dot);
  if (is_first) {
    out.add(node.one_label);
    find_inside(node, label, out);
  }
  if (const auto next = node.children.find(label); next != node.children.end()) find_from(next->second, before, out);
  if (node.any_child != 0) find_from(node.any_child, before, out);
}

}  // namespace enforcer::policy
