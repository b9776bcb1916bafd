// Reading one JSON object: absent and of the wrong type are both said by the field's name; the first complaint is kept.
// For the codecs of this folder; the tool has `dump` from here for the JSON that it makes itself.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"

namespace enforcer::control {

/// The text as one JSON object without repeated keys; kInvalid with the place otherwise.
Result<nlohmann::json> parse_object(std::string_view text);

/// One line of JSON in printable ASCII; text that is not UTF-8 is replaced, never an exception.
[[nodiscard]] std::string dump(const nlohmann::json& value);

/// An answer begins with its version.
[[nodiscard]] nlohmann::json answer_object();

/// An answer came from the daemon, so a wrong one is the daemon's fault, not the user's.
[[nodiscard]] std::unexpected<Error> not_understood(const Error& cause);

/// The text as an answer of this version of the API.
Result<nlohmann::json> parse_answer(std::string_view text);

/// Bounds of numbers that may be anything their type holds.
inline constexpr auto kAny = std::numeric_limits<std::uint64_t>::max();
inline constexpr auto kAny32 = std::numeric_limits<std::uint32_t>::max();

class ObjectReader {
 public:
  /// `object` outlives the reader.
  explicit ObjectReader(const nlohmann::json& object);

  std::string text(const char* name);
  std::string text_or(const char* name, std::string fallback);
  std::uint64_t number(const char* name, std::uint64_t low, std::uint64_t high);
  std::uint64_t number_or(const char* name, std::uint64_t fallback, std::uint64_t low, std::uint64_t high);
  bool flag(const char* name);
  bool flag_or_false(const char* name);  ///< absent: false
  Labels labels_or_none(const char* name);
  /// Nothing, and a complaint, when it is absent or not a valid name.
  std::optional<GuestName> guest_name(const char* name);
  IpAddress address(const char* name);  ///< text; "" is the unset address
  /// An empty object or array, and a complaint, when it is absent or something else.
  const nlohmann::json& object(const char* name);
  const nlohmann::json& array(const char* name);
  const nlohmann::json& array_or_none(const char* name);  ///< empty when it is absent

  void refuse(const char* name, std::string_view why);

  /// For answers: the first complaint.
  [[nodiscard]] Result<> finish() const;
  /// For requests: also refuses every field that was not asked for (but "api_version").
  [[nodiscard]] Result<> finish_strictly() const;

 private:
  const nlohmann::json* find(const char* name);

  const nlohmann::json& object_;
  std::set<std::string, std::less<>> known_;
  std::optional<Error> wrong_;
};

}  // namespace enforcer::control
