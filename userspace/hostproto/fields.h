// Fields: one JSON object read strictly. Every accessor names a field that must be there with the right type and range;
// the first complaint is kept, and finish() also refuses every field that nobody asked for. A decoder is therefore a
// list of its fields, and cannot forget to check one.
//
// Included only by the codecs of this folder: nlohmann stays out of what others include.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "hostproto/messages.h"

namespace enforcer::hostproto {

class Fields {
 public:
  /// kInvalid unless the packet is one JSON object of at most kMaxMessage bytes, without repeated keys, with a string
  /// field "type".
  static Result<Fields> parse(std::string_view packet);

  /// An object inside a message (the error of a reply).
  explicit Fields(nlohmann::json object) : object_(std::move(object)) {}

  [[nodiscard]] const std::string& type() const { return type_; }

  std::uint64_t number(const char* name, std::uint64_t low, std::uint64_t high);
  bool flag(const char* name);
  /// Printable ASCII of at most `limit` characters.
  std::string text(const char* name, std::size_t limit);
  /// One line for people: UTF-8 without control characters, at most 4 KiB.
  std::string line(const char* name);
  Slot slot(const char* name, std::uint32_t low = 1);
  Epoch epoch(const char* name);
  std::optional<GuestName> guest_name(const char* name);
  IpAddress address(const char* name);
  Labels labels(const char* name);
  std::vector<std::string> label_keys(const char* name);
  std::vector<Workspace> workspaces(const char* name);
  std::optional<Error> error(const char* name);  ///< absent: none

  /// For a value that has the right type and is still wrong.
  void refuse(const char* name, std::string_view why);

  /// kInvalid with the first wrong field, or with a field that does not belong here.
  Result<> finish();

 private:
  [[nodiscard]] const nlohmann::json* find(const char* name);

  nlohmann::json object_;
  std::string type_;
  std::set<std::string, std::less<>> known_;
  std::optional<Error> wrong_;
};

[[nodiscard]] nlohmann::json to_json(const Labels& labels);
[[nodiscard]] nlohmann::json to_json(const std::vector<Workspace>& workspaces);
[[nodiscard]] nlohmann::json to_json(const Error& error);
/// The text as Fields::line() accepts it: control characters become spaces, what is too long is cut.
[[nodiscard]] std::string one_line(std::string_view text);
/// The object as one packet; bytes that are not UTF-8 (a path of the file system) are replaced, never sent.
[[nodiscard]] std::string to_packet(const nlohmann::json& object);

}  // namespace enforcer::hostproto
