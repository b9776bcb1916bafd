#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>

#include "base/ascii.h"

namespace enforcer {
namespace {

void fill_random(void* out, std::size_t size) {
  ENFORCER_CHECK(getrandom(out, size, 0) == static_cast<ssize_t>(size));
}

/// 40 random bits. In batches: one system call for 24 decision ids instead of one for each (getrandom(2) returns up to
/// 256 bytes uninterrupted).
std::uint64_t random_bits() {
  constexpr std::size_t kSize = 5;
  thread_local std::array<std::uint8_t, 48 * kSize> pool;
  thread_local std::size_t used = pool.size();
  if (used == pool.size()) {
    fill_random(pool.data(), pool.size());
    used = 0;
  }
  std::uint64_t bits = 0;
  std::memcpy(&bits, pool.data() + used, kSize);
  used += kSize;
  return bits;
}

/// As `size` digits of five bits, the highest first.
void write_digits(char* out, std::size_t size, std::uint64_t value) {
  for (; size > 0; value >>= 5) out[--size] = "0123456789abcdefghjkmnpqrstvwxyz"[value & 31];
}

bool is_name_character(char c) {
  return ascii::is_lower(c) || ascii::is_digit(c) || c == '-';
}

}  // namespace

Epoch random_epoch() {
  std::uint64_t value = 0;
  fill_random(&value, sizeof value);
  return Epoch{value};
}

std::string to_string(Epoch epoch) {
  constexpr std::size_t kDigits = 16;  // by hand: every record has an epoch, and format() takes longer
  std::string text(kDigits, '0');
  auto value = static_cast<std::uint64_t>(epoch);
  for (std::size_t i = kDigits; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 0xf];
  return text;
}

Result<Epoch> parse_epoch(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || status != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::kInvalid, "an epoch is 16 hex digits");
  }
  return Epoch{value};
}

Result<GuestName> GuestName::parse(std::string_view text) {
  const bool valid = !text.empty() && text.size() <= 40 && std::ranges::all_of(text, is_name_character) &&
                     text.front() != '-' && text.back() != '-';
  if (!valid)
    return fail(Errc::kInvalid, "a guest's name has 1-40 characters of a-z, 0-9 and '-', not '-' at either end");
  return GuestName(std::string(text));
}

DecisionId DecisionId::make() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  DecisionId id;
  write_digits(&id.text_[0], 10, static_cast<std::uint64_t>(millis));
  write_digits(&id.text_[10], 8, random_bits());
  write_digits(&id.text_[18], 8, random_bits());
  return id;
}

}  // namespace enforcer
