// Making answers (dns/message.h).
#include <algorithm>

#include "dns/message.h"
#include "dns/wire.h"

namespace enforcer::dns {
namespace {

constexpr std::size_t kMinUdpAnswer = 512;  // RFC 1035 4.2.1, and what an OPT with less means (RFC 6891 6.2.3)
constexpr std::size_t kMaxTcpAnswer = 65535;
constexpr std::uint16_t kOptionExtendedError = 15;  // RFC 8914 2
constexpr std::uint16_t kBlocked = 15;              // RFC 8914 4.16
constexpr std::uint16_t kNameOfQuestion = 0xc00c;   // compression pointer to the name behind the header

/// One answer in the making: header, question, then records; the OPT record comes last and always fits.
class Writer {
 public:
  Writer(const Echo& echo, ResponseCode code) : echo_(echo), code_(static_cast<std::uint16_t>(code)) {
    u16(echo.id);
    u16(0);  // flags, and the four counts: finish() knows them
    for (int count = 0; count < 4; ++count) u16(0);
    bytes_.insert(bytes_.end(), echo.question.begin(), echo.question.end());
  }

  void add_address(const IpAddress& address, std::chrono::seconds ttl) {
    u16(kNameOfQuestion);
    u16(static_cast<std::uint16_t>(address.is_v4() ? Type::kA : Type::kAaaa));
    u16(kClassIn);
    u32(static_cast<std::uint32_t>(ttl.count()));
    const Bytes octets = Bytes(address.bytes()).subspan(address.is_v4() ? 12 : 0);
    u16(static_cast<std::uint16_t>(octets.size()));
    bytes_.insert(bytes_.end(), octets.begin(), octets.end());
    ++answers_;
  }

  /// RFC 2308 5: how long "no" may be remembered is the smaller of the TTL and the minimum. The zone is the root, which
  /// is above every name; mname and rname are the root too.
  void add_soa(std::chrono::seconds minimum) {
    const auto ttl = static_cast<std::uint32_t>(minimum.count());
    u8(0);
    u16(static_cast<std::uint16_t>(Type::kSoa));
    u16(kClassIn);
    u32(ttl);
    u16(22);
    u8(0);
    u8(0);
    u32(1);      // serial
    u32(3600);   // refresh
    u32(600);    // retry
    u32(86400);  // expire
    u32(ttl);
    ++authorities_;
  }

  void explain_blocked(std::string_view text) { extra_text_ = text; }

  Answer finish() {
    const std::size_t limit = size_limit();
    std::uint16_t flags = 0;
    if (bytes_.size() + opt_size() > limit) {
      // Half an answer helps nobody: only the question stays, and the client asks again over TCP (RFC 2181 9).
      bytes_.resize(kHeaderSize + echo_.question.size());
      answers_ = authorities_ = 0;
      extra_text_ = {};
      flags |= kTruncated;
    }
    if (echo_.edns_payload) add_opt();
    flags |= kResponse | kRecursionAvailable | static_cast<std::uint16_t>(echo_.opcode << 11) | (code_ & 15);
    if (echo_.recursion_desired) flags |= kRecursionDesired;
    if (echo_.checking_disabled) flags |= kCheckingDisabled;
    put_u16(2, flags);
    put_u16(4, echo_.question.empty() ? 0 : 1);
    put_u16(6, answers_);
    put_u16(8, authorities_);
    put_u16(10, echo_.edns_payload ? 1 : 0);
    return std::move(bytes_);
  }

 private:
  [[nodiscard]] std::size_t size_limit() const {
    if (echo_.transport == Transport::kTcp) return kMaxTcpAnswer;
    return std::clamp<std::size_t>(echo_.edns_payload.value_or(0), kMinUdpAnswer, kMaxUdpAnswer);
  }
  [[nodiscard]] std::size_t opt_size() const {
    if (!echo_.edns_payload) return 0;
    return 11 + (extra_text_.empty() ? 0 : 6 + extra_text_.size());
  }

  void add_opt() {
    u8(0);
    u16(kTypeOpt);
    u16(kMaxUdpAnswer);
    u8(static_cast<std::uint8_t>(code_ >> 4));  // the upper bits of the response code
    u8(0);                                      // version
    u16(0);
    if (extra_text_.empty()) return u16(0);
    u16(static_cast<std::uint16_t>(6 + extra_text_.size()));
    u16(kOptionExtendedError);
    u16(static_cast<std::uint16_t>(2 + extra_text_.size()));
    u16(kBlocked);
    bytes_.insert(bytes_.end(), extra_text_.begin(), extra_text_.end());
  }

  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u16(std::uint16_t value) {
    u8(static_cast<std::uint8_t>(value >> 8));
    u8(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(static_cast<std::uint16_t>(value >> 16));
    u16(static_cast<std::uint16_t>(value));
  }
  void put_u16(std::size_t at, std::uint16_t value) {
    bytes_[at] = static_cast<std::uint8_t>(value >> 8);
    bytes_[at + 1] = static_cast<std::uint8_t>(value);
  }

  const Echo& echo_;
  std::uint16_t code_;
  std::uint16_t answers_ = 0;
  std::uint16_t authorities_ = 0;
  std::string_view extra_text_;
  Answer bytes_;
};

constexpr std::chrono::seconds kDeniedTtl{1};  // a policy reload is seen at once

}  // namespace

Answer make_addresses(const Query& query, std::span<const IpAddress> addresses, std::chrono::seconds ttl) {
  const auto answers_the_question = [&](const IpAddress& address) {
    return query.type == (address.is_v4() ? Type::kA : Type::kAaaa);
  };
  if (std::ranges::none_of(addresses, answers_the_question)) return make_no_data(query);
  Writer writer(query.echo, ResponseCode::kNoError);
  for (const IpAddress& address : addresses) {
    if (answers_the_question(address)) writer.add_address(address, ttl);
  }
  return writer.finish();
}

Answer make_no_data(const Query& query) {
  Writer writer(query.echo, ResponseCode::kNoError);
  writer.add_soa(kAnswerTtl);
  return writer.finish();
}

Answer make_denied(const Query& query, std::string_view decision_id) {
  Writer writer(query.echo, ResponseCode::kNxDomain);
  writer.add_soa(kDeniedTtl);
  writer.explain_blocked(decision_id);
  return writer.finish();
}

Answer make_no_such_name(const Query& query) {
  Writer writer(query.echo, ResponseCode::kNxDomain);
  writer.add_soa(kDeniedTtl);
  return writer.finish();
}

Answer make_error(const Echo& echo, ResponseCode code) {
  return Writer(echo, code).finish();
}

}  // namespace enforcer::dns
