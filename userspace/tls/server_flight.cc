#include "tls/server_flight.h"

#include <algorithm>
#include <array>

namespace enforcer::tls {
namespace {

constexpr std::uint8_t kTypeServerHello = 2;
constexpr std::size_t kRandomAt = 6;    // behind type, length and legacy_version
constexpr std::size_t kToldApart = 38;  // with the random, a retry and a real ServerHello are told apart
constexpr std::size_t kMaxServerHello = std::size_t{16} * 1024;

/// RFC 8446 4.1.3: SHA-256("HelloRetryRequest") in place of the random marks a retry.
constexpr std::array<std::uint8_t, 32> kRetryRandom = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                                       0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                                       0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/// RFC 8446 4.1.2 lists what may change in a second hello; nothing that says whom and what the client wants is on the
/// list.
bool asks_the_same(const ClientHello& first, const ClientHello& second) {
  return first.server_name == second.server_name && first.alpn == second.alpn && first.ech == second.ech;
}

}  // namespace

ServerFlight::ServerFlight(const ClientHello& first) : first_(first) {}

FlightVerdict ServerFlight::close(std::string_view why) {
  why_ = why;
  return FlightVerdict::kClose;
}

FlightVerdict ServerFlight::client_bytes(Bytes arrived) {
  if (!why_.empty()) return FlightVerdict::kClose;
  Bytes rest = arrived;
  while (const auto part = client_records_.next(rest)) {
    if (const auto why = client_part(*part); !why.empty()) return close(why);
  }
  if (!client_records_.fault().empty()) return close(client_records_.fault());
  held_ += arrived.size();
  if (client_records_.at_boundary() && second_hello_.empty()) {
    held_ = 0;
    return FlightVerdict::kForward;
  }
  if (held_ > kMaxHelloWire) return close("client: second hello too large");
  return FlightVerdict::kHold;
}

std::string_view ServerFlight::client_part(const RecordPart& part) {
  if (part.type == ContentType::kHandshake) return second_hello_part(part);
  if (!second_hello_.empty()) return "client: another record inside the second hello";
  if (part.type == ContentType::kApplicationData && !first_.early_data) return "client: data before the ServerHello";
  return {};
}

std::string_view ServerFlight::second_hello_part(const RecordPart& part) {
  if (second_hello_done_) return "client: a third hello";
  second_hello_.insert(second_hello_.end(), part.payload.begin(), part.payload.end());
  const std::size_t size = message_size(second_hello_);
  if (size > kMaxHelloMessage) return "client: second hello too large";
  if (size == 0 || second_hello_.size() < size) return {};
  if (second_hello_.size() > size || !part.ends_record) return "client: bytes behind the second hello in its record";
  const HelloOutcome outcome = parse_client_hello(second_hello_);
  const auto* second = std::get_if<ClientHello>(&outcome);
  if (second == nullptr) return "client: second hello malformed";
  if (!asks_the_same(first_, *second)) return "client: second hello asks for something else";
  second_hello_.clear();
  second_hello_done_ = true;
  return {};
}

FlightVerdict ServerFlight::server_bytes(Bytes arrived) {
  if (!why_.empty()) return FlightVerdict::kClose;
  Bytes rest = arrived;
  while (!settled_) {
    const auto part = server_records_.next(rest);
    if (!part) break;
    if (const auto why = server_part(*part); !why.empty()) return close(why);
  }
  if (settled_) return FlightVerdict::kSettled;
  if (!server_records_.fault().empty()) return close(server_records_.fault());
  return FlightVerdict::kForward;
}

std::string_view ServerFlight::server_part(const RecordPart& part) {
  switch (part.type) {
    case ContentType::kHandshake:
      return server_hello_part(part);
    // A warning may come before the ServerHello (unrecognized_name), and a fatal alert is followed by the end of the
    // stream.
    case ContentType::kAlert:
      return server_hello_.empty() ? "" : "origin: another record inside the ServerHello";
    // RFC 8446 D.4: sent once behind a retry request, for middleboxes.
    case ContentType::kChangeCipherSpec:
      return server_hello_.empty() && retries_ > 0 ? "" : "origin: change_cipher_spec before the ServerHello";
    case ContentType::kApplicationData:
      return "origin: data before the ServerHello";
  }
  return "origin: unknown record type";
}

std::string_view ServerFlight::server_hello_part(const RecordPart& part) {
  server_hello_.insert(server_hello_.end(), part.payload.begin(), part.payload.end());
  if (server_hello_[0] != kTypeServerHello) return "origin: first message is not a ServerHello";
  const std::size_t size = message_size(server_hello_);
  if (size == 0) return {};
  if (size < kToldApart || size > kMaxServerHello) return "origin: ServerHello of an impossible size";
  if (server_hello_.size() < kToldApart) return {};
  if (!std::ranges::equal(Bytes(server_hello_).subspan(kRandomAt, kRetryRandom.size()), kRetryRandom)) {
    settled_ = true;
    return {};
  }
  if (retries_ > 0) return "origin: a second HelloRetryRequest";  // RFC 8446 4.1.4: the client would abort
  if (server_hello_.size() < size) return {};
  if (server_hello_.size() > size || !part.ends_record)
    return "origin: bytes behind the HelloRetryRequest in its record";
  retries_ = 1;
  server_hello_.clear();
  return {};
}

}  // namespace enforcer::tls
