#include "dns/response.h"

#include <ares.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "base/ascii.h"
#include "dns/wire.h"

namespace enforcer::dns {
namespace {

constexpr std::uint16_t kTypeCname = 5;
constexpr int kMaxChain = 16;
constexpr std::size_t kMaxRecords = 512;

struct Record {
  std::string owner;  ///< lower case
  std::uint16_t type;
  std::uint32_t ttl;
  std::size_t data_at;
  Bytes data;
};

/// Reads through one message; names may point back into it.
class MessageReader {
 public:
  explicit MessageReader(Bytes message) : message_(message), rest_(message) {}

  [[nodiscard]] ByteReader& rest() { return rest_; }
  [[nodiscard]] std::size_t at() const { return message_.size() - rest_.remaining(); }

  /// The name here, lower case and without a trailing dot; c-ares bounds its compression pointers.
  std::optional<std::string> name() {
    const auto expanded = name_at(at());
    if (expanded) rest_.take(expanded->second);
    return expanded ? std::optional(expanded->first) : std::nullopt;
  }

  /// A name in the data of a record, with its size there.
  [[nodiscard]] std::optional<std::pair<std::string, std::size_t>> name_at(std::size_t offset) const {
    if (offset >= message_.size()) return std::nullopt;
    char* raw = nullptr;
    long size = 0;
    const int status =
        ares_expand_name(message_.data() + offset, message_.data(), static_cast<int>(message_.size()), &raw, &size);
    if (status != ARES_SUCCESS) return std::nullopt;
    const std::unique_ptr<char, decltype([](char* text) { ares_free_string(text); })> owned(raw);
    std::string text(raw);
    for (char& c : text) {
      c = ascii::lower(c);
    }
    return std::pair(std::move(text), static_cast<std::size_t>(size));
  }

 private:
  Bytes message_;
  ByteReader rest_;
};

std::optional<Record> read_record(MessageReader& reader) {
  auto owner = reader.name();
  if (!owner) return std::nullopt;
  ByteReader& rest = reader.rest();
  Record record{.owner = *std::move(owner), .type = rest.u16(), .ttl = 0, .data_at = 0, .data = {}};
  const std::uint16_t dns_class = rest.u16();
  record.ttl = rest.u32();
  if (record.ttl > 0x7fffffff) record.ttl = 0;  // RFC 2181 8
  const std::size_t length = rest.u16();
  record.data_at = reader.at();
  record.data = rest.take(length);
  if (!rest.ok()) return std::nullopt;
  if (dns_class != kClassIn) record.type = 0;  // of no use to anybody
  return record;
}

std::optional<std::vector<Record>> read_answer_section(MessageReader& reader) {
  ByteReader& rest = reader.rest();
  rest.take(4);
  const std::uint16_t questions = rest.u16();
  const std::uint16_t answers = rest.u16();
  rest.take(4);
  if (!rest.ok() || questions != 1 || answers > kMaxRecords || !reader.name()) return std::nullopt;
  rest.take(4);
  std::vector<Record> records;
  for (std::uint16_t count = 0; count < answers; ++count) {
    auto record = read_record(reader);
    if (!record) return std::nullopt;
    records.push_back(*std::move(record));
  }
  return rest.ok() ? std::optional(std::move(records)) : std::nullopt;
}

std::optional<IpAddress> address_in(const Record& record, Type type) {
  if (record.type != static_cast<std::uint16_t>(type)) return std::nullopt;
  if (type == Type::kA && record.data.size() == 4) return IpAddress::v4(ByteReader(record.data).u32());
  if (type != Type::kAaaa || record.data.size() != 16) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(record.data, bytes.begin());
  return IpAddress(bytes);
}

}  // namespace

Result<FoundAddresses> read_addresses(Bytes response, const HostName& name, Type type) {
  MessageReader reader(response);
  const auto records = response.size() < kHeaderSize ? std::nullopt : read_answer_section(reader);
  if (!records) return fail(Errc::kUnavailable, "the server's response is malformed");

  FoundAddresses found{.addresses = {}, .ttl = 0x7fffffff};
  std::string owner = name.text();
  for (int step = 0;; ++step) {
    const auto is_alias = [&](const Record& record) { return record.type == kTypeCname && record.owner == owner; };
    const auto alias = std::ranges::find_if(*records, is_alias);
    if (alias == records->end()) break;
    const auto target = reader.name_at(alias->data_at);
    if (!target || target->second != alias->data.size() || step == kMaxChain) {
      return fail(Errc::kUnavailable, "the server's response has a malformed or endless CNAME chain");
    }
    found.ttl = std::min(found.ttl, alias->ttl);
    owner = target->first;
  }
  for (const Record& record : *records) {
    const auto address = record.owner == owner ? address_in(record, type) : std::nullopt;
    if (!address) continue;
    found.ttl = std::min(found.ttl, record.ttl);
    if (std::ranges::find(found.addresses, *address) == found.addresses.end()) found.addresses.push_back(*address);
  }
  return found;
}

}  // namespace enforcer::dns
