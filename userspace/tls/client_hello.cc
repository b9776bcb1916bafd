#include "tls/client_hello.h"

#include <algorithm>

namespace enforcer::tls {
namespace {

constexpr std::uint8_t kTypeClientHello = 1;

enum Extension : std::uint16_t {
  kServerName = 0,
  kAlpn = 16,
  kEarlyData = 42,
  kSupportedVersions = 43,
  kEncryptedClientHello = 0xfe0d,
  kEncryptedServerName = 0xffce,
};

/// Empty when the field is well formed; else what is wrong with it.
using Fault = std::string_view;

/// RFC 6066 3: a list; at most one name of each type, and host_name is the only type there is.
Fault read_server_name(ByteReader field, ClientHello& hello) {
  ByteReader list = field.vector16();
  if (!field.at_end() || list.remaining() == 0) return "server_name: lengths do not add up";
  if (list.u8() != 0) return "server_name: unknown name type";
  const std::size_t length = list.u16();
  const Bytes name = list.take(length);
  if (!list.ok() || name.empty()) return "server_name: lengths do not add up";
  if (!list.at_end()) return "server_name: more than one name";
  hello.server_name = std::string(as_text(name));
  return {};
}

/// RFC 7301 3.1.
Fault read_alpn(ByteReader field, ClientHello& hello) {
  ByteReader list = field.vector16();
  if (!field.at_end() || list.remaining() == 0) return "alpn: lengths do not add up";
  while (list.remaining() > 0) {
    const std::size_t length = list.u8();
    const Bytes protocol = list.take(length);
    if (!list.ok() || protocol.empty()) return "alpn: lengths do not add up";
    hello.alpn.emplace_back(as_text(protocol));
  }
  return {};
}

/// RFC 8446 4.2.1.
Fault read_versions(ByteReader field, ClientHello& hello) {
  ByteReader list = field.vector8();
  if (!field.at_end() || list.remaining() == 0 || list.remaining() % 2 != 0) {
    return "supported_versions: lengths do not add up";
  }
  hello.versions.clear();
  while (list.remaining() > 0) hello.versions.push_back(list.u16());
  return {};
}

Fault read_extension(std::uint16_t type, ByteReader field, ClientHello& hello) {
  switch (type) {
    case kServerName:
      return read_server_name(field, hello);
    case kAlpn:
      return read_alpn(field, hello);
    case kSupportedVersions:
      return read_versions(field, hello);
    case kEarlyData:
      hello.early_data = true;
      return {};
    case kEncryptedClientHello:
    case kEncryptedServerName:
      hello.ech = true;
      return {};
    default:
      return {};
  }
}

Fault read_extensions(ByteReader list, ClientHello& hello) {
  std::vector<std::uint16_t> seen;
  while (list.remaining() > 0) {
    const std::uint16_t type = list.u16();
    const ByteReader field = list.vector16();
    if (!list.ok()) return "extensions: lengths do not add up";
    seen.push_back(type);
    if (const Fault fault = read_extension(type, field, hello); !fault.empty()) return fault;
  }
  // RFC 8446 4.2: each type at most once. Origins differ in which of two they believe.
  std::ranges::sort(seen);
  if (std::ranges::adjacent_find(seen) != seen.end()) return "extension repeated";
  return {};
}

/// RFC 8446 4.1.2, RFC 5246 7.4.1.2 (where extensions may be missing altogether).
Fault read_body(ByteReader body, ClientHello& hello) {
  const std::uint16_t legacy_version = body.u16();
  body.take(32);  // random
  ByteReader session_id = body.vector8();
  ByteReader ciphers = body.vector16();
  ByteReader compressions = body.vector8();
  if (!body.ok()) return "hello: lengths do not add up";
  if (legacy_version >> 8 != 3) return "hello: unknown version";
  if (session_id.remaining() > 32) return "hello: session id too long";
  if (ciphers.remaining() == 0 || ciphers.remaining() % 2 != 0) return "hello: cipher suites malformed";
  if (compressions.remaining() == 0) return "hello: no compression method";
  hello.session_id_length = session_id.remaining();
  hello.versions = {legacy_version};
  if (body.at_end()) return {};
  const ByteReader extensions = body.vector16();
  if (!body.at_end()) return "hello: lengths do not add up";
  return read_extensions(extensions, hello);
}

}  // namespace

bool could_be_tls(Bytes first) {
  if (first.empty() || first[0] != static_cast<std::uint8_t>(ContentType::kHandshake)) return false;
  if (first.size() > 1 && first[1] != 3) return false;
  return first.size() <= 2 || first[2] <= 4;
}

HelloOutcome parse_client_hello(Bytes message) {
  ByteReader reader(message);
  if (reader.u8() != kTypeClientHello) return Malformed{"first message is not a ClientHello"};
  if (reader.u24() != reader.remaining() || !reader.ok()) return Malformed{"hello: lengths do not add up"};
  ClientHello hello;
  if (const Fault fault = read_body(reader, hello); !fault.empty()) return Malformed{fault};
  return hello;
}

HelloOutcome ClientHelloReader::feed(Bytes arrived) {
  if (done_) return Malformed{"read on after the end"};
  HelloOutcome outcome = read(arrived);
  done_ = !std::holds_alternative<NeedMore>(outcome);
  return outcome;
}

HelloOutcome ClientHelloReader::read(Bytes arrived) {
  for (const std::uint8_t octet : arrived.first(std::min(arrived.size(), opening_.size() - opening_size_))) {
    opening_[opening_size_++] = octet;
  }
  if (opening_size_ > 0 && !could_be_tls(Bytes(opening_).first(opening_size_))) return NotTls{};

  Bytes rest = arrived;
  while (const auto part = records_.next(rest)) {
    if (part->type != ContentType::kHandshake) return Malformed{"another record inside the hello"};
    message_.insert(message_.end(), part->payload.begin(), part->payload.end());
    if (message_[0] != kTypeClientHello) return Malformed{"first message is not a ClientHello"};
    const std::size_t size = message_size(message_);
    if (size > kMaxHelloMessage) return Malformed{"hello too large"};
    if (size == 0 || message_.size() < size) continue;
    // Nothing may follow in the record: a ClientHello ends a flight, and origins differ in what they do with the rest.
    if (message_.size() > size || !part->ends_record) return Malformed{"bytes behind the hello in its record"};
    wire_size_ += arrived.size() - rest.size();
    return parse_client_hello(message_);
  }
  wire_size_ += arrived.size();
  if (!records_.fault().empty()) return Malformed{records_.fault()};
  if (wire_size_ > kMaxHelloWire) return Malformed{"hello too large"};
  return NeedMore{};
}

}  // namespace enforcer::tls
