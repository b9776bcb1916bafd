// HostIndex: all rules that name a host, in time that depends on the name and not on the number of rules.
//
// Exact names are one hash lookup. Patterns live in a trie over the labels from the right ("com", "amazonaws", …). At
// each node a name can go on by its literal label or by the edge for a `*` in the middle; a pattern has at most one of
// those (host_pattern.h), so a name of n labels visits fewer than n² nodes, and typically n. The first label's own
// forms hang at the node they stand before:
// `*`, `**`, and `prefix*suffix`, the last found by one hash lookup for each pair of lengths in use (at most 63 choose
// 2).
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/host_pattern.h"
#include "policy/match_list.h"

namespace enforcer::policy {

class HostIndex {
 public:
  HostIndex() : nodes_(1) {}

  void add(const HostPattern& pattern, TargetEntry entry);
  /// After the last add(): sorts the runs.
  void seal();
  void find(const HostName& name, MatchList& out) const {
    find_exact(name, out);
    find_wildcards(name, out);
  }
  /// Only what spells the name out.
  void find_exact(const HostName& name, MatchList& out) const;
  /// Only what does not.
  void find_wildcards(const HostName& name, MatchList& out) const;

 private:
  using Entries = std::vector<TargetEntry>;
  template <class Value>
  using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;
  struct Lengths {
    std::size_t prefix;
    std::size_t suffix;
    friend bool operator==(const Lengths&, const Lengths&) = default;
  };
  struct Node {
    ByText<std::uint32_t> children;
    std::uint32_t any_child = 0;  ///< behind a whole `*` in the middle; 0: none (the root is nobody's child)
    Entries here;                 ///< the pattern ends at this node
    Entries one_label;            ///< `*` before it
    Entries any_depth;            ///< `**` before it
    ByText<Entries> inside;       ///< "prefix*suffix" before it
    std::vector<Lengths> inside_lengths;
  };

  std::uint32_t child(std::uint32_t node, const std::string& label);
  /// Adds what hangs at this node and below it for a name of which `left` is still to be followed ("a.b" of a.b.test at
  /// the node of "test"). Calls itself, at most as deep as the name has labels (127).
  void find_from(std::uint32_t at, std::string_view left, MatchList& out) const;
  static void find_inside(const Node& node, std::string_view label, MatchList& out);

  ByText<Entries> exact_;
  std::vector<Node> nodes_;
  bool has_wildcards_ = false;
};

}  // namespace enforcer::policy
