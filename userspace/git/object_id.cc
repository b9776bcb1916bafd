#include "git/object_id.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/result.h"

namespace enforcer::git {
namespace {

bool is_size(std::size_t octets) {
  return octets == ObjectId::kSha1 || octets == ObjectId::kSha256;
}

}  // namespace

std::optional<ObjectId> ObjectId::parse(std::string_view text) {
  if (text.size() % 2 != 0 || !is_size(text.size() / 2)) return std::nullopt;
  ObjectId id;
  id.size_ = text.size() / 2;
  for (std::size_t i = 0; i < id.size_; ++i) {
    const int high = ascii::hex_value(text[2 * i]);
    const int low = ascii::hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.octets_[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

std::optional<ObjectId> ObjectId::from(Bytes octets) {
  if (!is_size(octets.size())) return std::nullopt;
  ObjectId id;
  id.size_ = octets.size();
  std::ranges::copy(octets, id.octets_.begin());
  return id;
}

ObjectId ObjectId::of_commit(std::string_view content, std::size_t size) {
  ENFORCER_CHECK(is_size(size));
  Digest digest = size == kSha1 ? Digest::sha1() : Digest::sha256();
  digest.add(as_bytes(fmt::format("commit {}{}", content.size(), '\0')));
  digest.add(as_bytes(content));
  ObjectId id;
  id.size_ = size;
  digest.finish(std::span(id.octets_).first(size));
  return id;
}

bool ObjectId::zero() const {
  return std::ranges::all_of(octets_, [](std::uint8_t octet) { return octet == 0; });
}

}  // namespace enforcer::git
