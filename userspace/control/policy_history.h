// Generations of policies and the texts that they are made of, as the API tells them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

namespace enforcer::control {

/// A file that policies were made of.
struct SourceInfo {
  std::string name;                ///< its path
  bool applied = false;            ///< given by `policy apply`; otherwise a file that the configuration names
  std::string sha256;              ///< of its text, 64 hex digits; empty: not for whoever asked
  bool holds_credentials = false;  ///< or may: what only admins see stands in it. Not told
  friend bool operator==(const SourceInfo&, const SourceInfo&) = default;
};

/// A generation that is kept. Several in a row that were made of the same texts are one.
struct GenerationInfo {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  WallClock::time_point time;  ///< of the first
  std::string cause;           ///< of the first: "start", "reload", "apply", "rollback to 5"
  std::optional<uid_t> uid;    ///< of whoever caused it; none: nobody through the API
  std::string user;            ///< their account's name, or empty
  std::string digest;          ///< of all names and texts, 64 hex digits; empty: not for whoever asked
  bool in_force = false;
  std::vector<SourceInfo> sources;
};

/// One object of the policies, with the comments around it.
struct PolicyText {
  std::string kind;
  std::string name;
  std::string file;
  int line = 1;  ///< where the text begins there
  bool applied = false;
  std::string text;
};

/// Texts of one generation.
struct PolicyTexts {
  std::uint64_t generation = 0;
  std::vector<PolicyText> objects;
};

/// What belongs to the secrets' owners, such as how a Credential's value is asked for, is not for everybody to see.
[[nodiscard]] bool is_for_viewers(const PolicyText& object);

/// Without the digests of what only admins see: a guess of it could be tried against them.
[[nodiscard]] std::vector<GenerationInfo> for_viewers(std::vector<GenerationInfo> generations);

[[nodiscard]] std::string encode_generations(const std::vector<GenerationInfo>& generations);
[[nodiscard]] std::string encode_texts(const PolicyTexts& texts);
Result<std::vector<GenerationInfo>> decode_generations(std::string_view text);
Result<PolicyTexts> decode_texts(std::string_view text);

}  // namespace enforcer::control
