#include "audit/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "audit/fields.h"
#include "base/ascii.h"
#include "base/bytes.h"

namespace enforcer::audit {
namespace {

constexpr std::string_view kBeforePrev = ",\"prev\":\"";
constexpr std::string_view kBeforeHash = "\",\"hash\":\"";
constexpr std::string_view kEnd = "\"}";
static_assert(kBeforePrev.size() + kBeforeHash.size() + kEnd.size() == kLinkBytes - 2 * ChainHash::kSize);
constexpr std::string_view kLineBegin = "{\"schema_version\":1,\"seq\":";

std::optional<std::uint64_t> parse_sequence(std::string_view digits) {
  std::uint64_t seq = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), seq);
  if (status != std::errc{} || end != digits.data() + digits.size() || seq > kMaxSequence) return std::nullopt;
  return seq;
}

}  // namespace

ChainHash::ChainHash() {
  text_.fill('A');
}

std::optional<ChainHash> ChainHash::parse(std::string_view text) {
  const auto allowed = [](char c) {
    return ascii::is_lower(c) || ascii::is_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  if (text.size() != kSize || !std::ranges::all_of(text, allowed)) return std::nullopt;
  ChainHash hash;
  std::ranges::copy(text, hash.text_.begin());
  return hash;
}

Result<Head> Head::parse(std::string_view text) {
  const auto colon = text.find(':');
  const auto seq = parse_sequence(text.substr(0, colon));
  const auto hash = ChainHash::parse(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  if (!seq || !hash) return fail(Errc::kInvalid, "the head of a chain is NUMBER:HASH, as `audit verify` prints it");
  return Head{*seq, *hash};
}

std::string Head::to_string() const {
  return fmt::format("{}:{}", seq, hash.text());
}

ChainHash Hasher::hash(std::string_view octets) {
  std::array<std::uint8_t, Digest::kSha256> digest;
  digest_.add(as_bytes(octets));
  digest_.finish(digest);
  ChainHash hash;
  base64url(digest, hash.text_);
  return hash;
}

Head append_links(std::string& out, std::size_t begin, std::uint64_t seq, const ChainHash& before, Hasher& hasher) {
  out += kBeforePrev;
  out += before.text();
  out += '"';
  const ChainHash hash = hasher.hash(std::string_view(out).substr(begin));
  out += kBeforeHash.substr(1);
  out += hash.text();
  out += kEnd;
  return {seq, hash};
}

std::optional<Link> parse_link(std::string_view line, Hasher& hasher) {
  if (!is_record(line) || !line.starts_with(kLineBegin) || !line.ends_with(kEnd)) return std::nullopt;
  if (line.size() < kLineBegin.size() + 1 + kLinkBytes) return std::nullopt;
  const std::string_view links = line.substr(line.size() - kLinkBytes);
  const std::string_view after_prev = links.substr(kBeforePrev.size() + ChainHash::kSize);
  if (!links.starts_with(kBeforePrev) || !after_prev.starts_with(kBeforeHash)) return std::nullopt;
  const auto prev = ChainHash::parse(links.substr(kBeforePrev.size(), ChainHash::kSize));
  const auto hash = ChainHash::parse(after_prev.substr(kBeforeHash.size(), ChainHash::kSize));
  const std::string_view from_number = line.substr(kLineBegin.size());
  const auto seq = parse_sequence(from_number.substr(0, from_number.find(',')));
  if (!prev || !hash || !seq || *seq == 0) return std::nullopt;
  const std::size_t hashed = line.size() - after_prev.size() + 1;
  const bool intact = hasher.hash(line.substr(0, hashed)) == *hash;
  return Link{*seq, *prev, *hash, intact ? Link::Content::kIntact : Link::Content::kChanged};
}

}  // namespace enforcer::audit
