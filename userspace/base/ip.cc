#include "base/ip.h"

#include <arpa/inet.h>
#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace enforcer {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(kMappedPrefix, bytes.begin());
  for (int i = 0; i < 4; ++i) bytes[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return IpAddress(bytes);
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  // inet_pton(3) takes exactly the two standard spellings; it wants a terminated string, and the longest legal text is
  // shorter than INET6_ADDRSTRLEN.
  char buffer[INET6_ADDRSTRLEN] = {};
  if (text.size() < sizeof buffer && text.find('\0') == std::string_view::npos) {
    text.copy(buffer, text.size());
    in_addr v4_address{};
    if (inet_pton(AF_INET, buffer, &v4_address) == 1) return v4(ntohl(v4_address.s_addr));
    std::array<std::uint8_t, 16> bytes{};
    if (inet_pton(AF_INET6, buffer, bytes.data()) == 1) return IpAddress(bytes);
  }
  return fail(Errc::kInvalid, "not an IP address");
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

std::uint32_t IpAddress::v4_host_order() const {
  ENFORCER_CHECK(is_v4());
  return std::uint32_t{bytes_[12]} << 24 | std::uint32_t{bytes_[13]} << 16 | std::uint32_t{bytes_[14]} << 8 |
         bytes_[15];
}

std::string IpAddress::to_string() const {
  if (is_v4()) return fmt::format(FMT_COMPILE("{}.{}.{}.{}"), bytes_[12], bytes_[13], bytes_[14], bytes_[15]);
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
  return buffer;
}

std::string Endpoint::to_string() const {
  return fmt::format(fmt::runtime(address.is_v4() ? "{}:{}" : "[{}]:{}"), address.to_string(),
                     static_cast<unsigned>(port));
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  Cidr cidr;
  cidr.network_ = TRY(IpAddress::parse(text.substr(0, slash)));
  const bool four = cidr.network_.is_v4();
  int length = four ? 32 : 128;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    int parsed = -1;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
    const bool plain = status == std::errc{} && end == digits.data() + digits.size() && digits.front() != '-' &&
                       (digits.size() == 1 || digits.front() != '0');
    if (!plain || parsed > length) return fail(Errc::kInvalid, fmt::format("prefix length must be 0-{}", length));
    length = parsed;
  }
  cidr.mapped_length_ = four ? 96 + length : length;
  for (int bit = cidr.mapped_length_; bit < 128; ++bit) {
    if (cidr.network_.bytes()[bit / 8] & (0x80 >> bit % 8)) {
      return fail(Errc::kInvalid, "address has bits set beyond its prefix length");
    }
  }
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  const int whole = mapped_length_ / 8;
  if (std::memcmp(network_.bytes().data(), address.bytes().data(), whole) != 0) return false;
  if (mapped_length_ % 8 == 0) return true;
  const int mask = 0xff00 >> mapped_length_ % 8 & 0xff;
  return ((network_.bytes()[whole] ^ address.bytes()[whole]) & mask) == 0;
}

std::string Cidr::to_string() const {
  return fmt::format("{}/{}", network_.to_string(), length());
}

}  // namespace enforcer
