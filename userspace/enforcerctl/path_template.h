// Path templates: what requests to one host have in common, as patterns of a policy.
//
//   GET /repos/acme/w/issues/17, …/18, …/99        ->  /repos/acme/w/issues/*
//   GET /v2/blobs/<uuid>, …                        ->  /v2/blobs/*
//   GET /files/a, /files/b/c/d, … a tree below it  ->  /files/**
//
// Never wider than what was seen gives reason for: a segment becomes "*" where two different ids stood in its place, or
// more than kManyValues different words; a tail becomes "**" only below a segment that was always the same, where what
// follows has many forms or depths. What was seen once stays as it was, and each method is learnt by itself: that many
// objects were read is no reason to delete more than the one that was deleted.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace enforcer::ctl {

/// More different words than this at one place, and they are taken for names of things.
inline constexpr std::size_t kManyValues = 10;
/// More templates than this below one segment, or this many different depths below a "*", become "**".
inline constexpr std::size_t kManyTemplates = 20;
inline constexpr std::size_t kManyDepths = 3;

struct SeenRequest {
  std::string method;
  std::string path;  ///< can_be_learnt()
  std::uint64_t count = 1;
};

struct PathTemplate {
  std::string pattern;
  std::set<std::string> methods;
  std::uint64_t requests = 0;  ///< that it stands for
  std::size_t paths = 0;       ///< different ones, each counted once for each method
  std::string example;         ///< one of them

  friend bool operator==(const PathTemplate&, const PathTemplate&) = default;
};

/// A path that a policy can name: normalised, and without a '*' of its own, which a pattern would read as a wildcard.
[[nodiscard]] bool can_be_learnt(const std::string& path);

/// Sorted by pattern; the order of the requests does not matter.
[[nodiscard]] std::vector<PathTemplate> learn_paths(const std::vector<SeenRequest>& requests);

}  // namespace enforcer::ctl
