#include "git/object_id.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/ascii.h"

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

std::optional<ObjectId> ObjectId::of_commit(std::string_view content, std::size_t size) {
  const std::string head = fmt::format("commit {}", content.size());
  const EVP_MD* hash = size == kSha1 ? EVP_sha1() : EVP_sha256();
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  // The NUL behind the head is a part of what is hashed.
  const bool made = context && EVP_DigestInit_ex(context.get(), hash, nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), head.c_str(), head.size() + 1) == 1 &&
                    EVP_DigestUpdate(context.get(), content.data(), content.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  return made ? from(Bytes(digest).first(size)) : std::nullopt;
}

bool ObjectId::zero() const {
  return std::ranges::all_of(octets_, [](std::uint8_t octet) { return octet == 0; });
}

}  // namespace enforcer::git
