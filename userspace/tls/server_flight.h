// ServerFlight: the watch over both directions of a passed-through TLS connection until the origin's ServerHello.
//
// A HelloRetryRequest (RFC 8446 4.1.4) makes the client send a second ClientHello, and an origin may act on the name in
// the second one: a guest could show us an allowed name first and another name then. So nothing the client sends before
// the ServerHello is forwarded unseen: a handshake record there must be a ClientHello with the same server name (at
// most one, also when the client guesses the retry and sends it early); otherwise only change_cipher_spec, alerts, and
// early data if the first hello offered it. From the origin only handshake records, alerts and change_cipher_spec are
// accepted, the first message must be a ServerHello, and at most one of them may be a retry.
//
// The session, after it forwarded the first hello:
//   bytes from the client:  pending += bytes; client_bytes(bytes): kHold -> wait for more; kForward -> send all of
//   pending bytes from the origin:  server_bytes(bytes): kForward -> send them; kSettled -> send them and what is
//   pending, hand over to the relay kClose                  reset both sides
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "tls/client_hello.h"
#include "tls/record.h"

namespace enforcer::tls {

enum class FlightVerdict : std::uint8_t {
  kHold,     ///< client only: keep what is pending, the record or message is not complete yet
  kForward,  ///< everything passed in so far may be sent on; keep watching
  kSettled,  ///< origin only: as kForward, and the watch is over
  kClose,    ///< reset both sides; why() says what was wrong
};

class ServerFlight {
 public:
  /// `first` is the hello that was decided on.
  explicit ServerFlight(const ClientHello& first);

  /// Bytes the client sent behind its first hello, in order. kHold, kForward or kClose.
  FlightVerdict client_bytes(Bytes arrived);
  /// Bytes the origin sent, in order. kForward, kSettled or kClose.
  FlightVerdict server_bytes(Bytes arrived);

  [[nodiscard]] bool settled() const { return settled_; }
  /// A constant text once a call said kClose.
  [[nodiscard]] std::string_view why() const { return why_; }

 private:
  FlightVerdict close(std::string_view why);
  std::string_view client_part(const RecordPart& part);
  std::string_view second_hello_part(const RecordPart& part);
  std::string_view server_part(const RecordPart& part);
  std::string_view server_hello_part(const RecordPart& part);

  ClientHello first_;

  RecordReader client_records_;
  std::vector<std::uint8_t> second_hello_;  // as far as it has come
  bool second_hello_done_ = false;
  std::size_t held_ = 0;  // client bytes since the last kForward

  RecordReader server_records_;
  std::vector<std::uint8_t> server_hello_;  // as far as it has come
  int retries_ = 0;
  bool settled_ = false;
  std::string_view why_;
};

}  // namespace enforcer::tls
