// ClientHello: the first flight of a TLS client, read far enough to know the name asked for (RFC 8446 4.1.2, RFC 6066
// 3).
//
// The hello is reassembled over TCP segments and over TLS records: a client may send it in one-byte records, and a
// reader that looks at the first record only lets the name slip past. Whatever the origin's parser might read
// differently from ours (two names, two server_name extensions, lengths that do not add up, empty records) is
// malformed, never repaired.
//
// Who owns the bytes: the session. It keeps everything it received in one buffer, passes each newly arrived part to
// feed(), and later forwards that same buffer (invariant 7: exactly the bytes inspected). The reader copies only the
// handshake message, at most 64 KiB, once, because the name may straddle records; what it copied is never sent
// anywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "tls/outcome.h"
#include "tls/record.h"

namespace enforcer::tls {

/// The largest handshake message accepted, header included. Post-quantum key shares need about 2 KiB.
inline constexpr std::size_t kMaxHelloMessage = std::size_t{64} * 1024;
/// The most bytes a hello may take on the wire; as much again for record headers (one-byte records cost six bytes
/// each).
inline constexpr std::size_t kMaxHelloWire = 2 * kMaxHelloMessage;

struct ClientHello {
  std::optional<std::string>
      server_name;                      ///< the octets as sent, not yet a name: the caller makes a HostName or denies
  std::vector<std::string> alpn;        ///< protocols in the client's order, raw octets; empty when not offered
  std::vector<std::uint16_t> versions;  ///< supported_versions, or legacy_version alone
  std::size_t session_id_length = 0;
  bool ech = false;         ///< encrypted_client_hello (0xfe0d, real or GREASE) or the older ESNI (0xffce) is present
  bool early_data = false;  ///< the client may send early data behind its hello
};

using HelloOutcome = std::variant<NeedMore, ClientHello, NotTls, Malformed>;

class ClientHelloReader {
 public:
  /// Takes the bytes that arrived since the last call. After anything but NeedMore the reader is done: further calls
  /// say Malformed.
  HelloOutcome feed(Bytes arrived);

  /// After ClientHello: how many bytes of the stream the hello took. What follows (early data, a second flight) goes to
  /// ServerFlight::client_bytes.
  [[nodiscard]] std::size_t wire_size() const { return wire_size_; }

 private:
  HelloOutcome read(Bytes arrived);

  RecordReader records_;
  std::array<std::uint8_t, 3> opening_{};  // enough to tell TLS from another protocol
  std::size_t opening_size_ = 0;
  std::vector<std::uint8_t> message_;
  std::size_t wire_size_ = 0;
  bool done_ = false;
};

/// Can a stream that begins with these bytes (at least one) still turn out to be TLS? Looks at the first three.
[[nodiscard]] bool could_be_tls(Bytes first);

/// The fields of one complete ClientHello message, handshake header included: ClientHello or Malformed, nothing else.
[[nodiscard]] HelloOutcome parse_client_hello(Bytes message);

}  // namespace enforcer::tls
