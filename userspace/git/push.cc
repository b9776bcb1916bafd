#include "git/push.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "git/ref_name.h"

namespace enforcer::git {
namespace {

constexpr std::size_t kLengthDigits = 4;
constexpr std::size_t kLongestPacket = 65'520;  // gitprotocol-common(5), its length included

/// The length in front of a packet, its own four digits included.
std::optional<std::size_t> packet_length(std::string_view digits) {
  std::size_t length = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), length, 16);
  if (status != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return length;
}

/// One word of a list apart by spaces.
bool lists(std::string_view words, std::string_view wanted) {
  while (!words.empty()) {
    const auto space = std::min(words.find(' '), words.size());
    if (words.substr(0, space) == wanted) return true;
    words.remove_prefix(std::min(space + 1, words.size()));
  }
  return false;
}

/// The next word, which a space ends; takes both.
std::optional<ObjectId> take_id(std::string_view& line) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto id = ObjectId::parse(line.substr(0, space));
  line.remove_prefix(space + 1);
  return id;
}

}  // namespace

PushReader::Outcome PushReader::feed(Bytes arrived) {
  if (section_ == Section::kOver) return Malformed{"fed again"};
  std::string_view rest = as_text(arrived);
  while (!rest.empty()) {
    // No more than one packet is ever held: what its length does not cover is the next one's, or the pack's.
    std::size_t wanted = kLengthDigits;
    if (held_.size() >= kLengthDigits) {
      const auto length = packet_length(std::string_view(held_).substr(0, kLengthDigits));
      wanted = std::max(*length, kLengthDigits);
    }
    const std::size_t taken = std::min(rest.size(), wanted - held_.size());
    held_ += rest.substr(0, taken);
    rest.remove_prefix(taken);
    push_.size += taken;
    if (push_.size > kMaxSize) return malformed("the commands are too long");
    if (held_.size() < kLengthDigits) return NeedMore{};
    const auto length = packet_length(std::string_view(held_).substr(0, kLengthDigits));
    if (!length || *length > kLongestPacket) return malformed("not a packet's length");
    if (*length > 0 && *length <= kLengthDigits) return malformed("a packet that has no place here");
    if (held_.size() < *length) continue;
    const std::string whole = std::exchange(held_, {});
    Outcome outcome = *length == 0 ? flush() : packet(std::string_view(whole).substr(kLengthDigits));
    if (!std::holds_alternative<NeedMore>(outcome)) return outcome;
  }
  return NeedMore{};
}

PushReader::Outcome PushReader::packet(std::string_view content) {
  if (section_ == Section::kOptions) return NeedMore{};
  if (content.ends_with('\n')) content.remove_suffix(1);
  constexpr std::string_view kShallow = "shallow ";
  if (content.starts_with(kShallow)) {
    const auto id = ObjectId::parse(content.substr(kShallow.size()));
    return id ? Outcome{NeedMore{}} : malformed("not the id of a shallow commit");
  }
  const auto nul = content.find('\0');
  const std::string_view line = content.substr(0, nul);
  if (nul != std::string_view::npos && lists(content.substr(nul + 1), "push-options")) options_ = Options::kFollow;
  if (line == "push-cert") return malformed("a signed push");
  return command(line);
}

PushReader::Outcome PushReader::command(std::string_view line) {
  const auto before = take_id(line);
  const auto after = before ? take_id(line) : std::nullopt;
  if (!after) return malformed("not a command");
  if (id_size_ == 0) id_size_ = before->size();
  if (before->size() != id_size_ || after->size() != id_size_) return malformed("ids of different lengths");
  if (!is_ref_name(line)) return malformed("not the name of a ref");
  if (push_.commands.size() == kMaxCommands) return malformed("too many commands");
  push_.commands.push_back({*before, *after, std::string(line)});
  return NeedMore{};
}

PushReader::Outcome PushReader::flush() {
  if (section_ == Section::kCommands && options_ == Options::kFollow) {
    section_ = Section::kOptions;
    return NeedMore{};
  }
  section_ = Section::kOver;
  return std::move(push_);
}

PushReader::Outcome PushReader::malformed(std::string_view what) {
  section_ = Section::kOver;
  held_.clear();
  return Malformed{what};
}

}  // namespace enforcer::git
