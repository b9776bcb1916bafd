// Stream: TLS over a socket, as a ByteStream. Towards guests it is the server, towards origins the client.
//
// How it works. OpenSSL reads from and writes to a BIO of ours (tls/socket_bio.h) that goes straight to the socket:
// ciphertext is received into OpenSSL's record buffer, decrypted there, and copied once, into the caller's buffer. On
// the way out each record is sent from where OpenSSL encrypted it, and only what the kernel does not take at once is
// copied, to the BIO's outgoing buffer. So for OpenSSL a write never blocks, and that is what makes one reader and one
// writer at the same time right:
//   - A read that has to write (the answer to a KeyUpdate, an alert) never ends in "wants to write" while the writer
//     waits for the same thing, and a write is never left half done in OpenSSL with a read in between.
//   - Bytes leave in the order in which OpenSSL made them: whatever finds the outgoing buffer occupied goes behind.
//   - Whoever can, flushes: the writer waits until the buffer is empty before it makes another record; a reader tries
//     before each wait, and where something is left and no writer waits, it waits for either direction.
// Where the socket cannot be written to any more, whoever writes or flushes hears of it, and reading goes on: what a
// peer said before it closed is still there.
//
// The buffer is bounded: one record of the writer, and what a reader may answer before it gives up on a peer that asks
// and does not read (kMaxUnsent). The same for messages that carry nothing: kMaxIdleMessages KeyUpdates and tickets
// without a byte of data end the stream.
//
// TLS 1.2 renegotiation is refused (a warning alert, the stream lives on); compression and early data do not exist.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "net/async_socket.h"
#include "net/byte_stream.h"
#include "tls/application_protocol.h"
#include "tls/client_context.h"
#include "tls/handshake_fault.h"
#include "tls/server_context.h"

namespace enforcer::tls {

/// What a handshake agreed on.
struct SessionInfo {
  ApplicationProtocol protocol;  ///< kHttp1 where ALPN was not used
  std::string_view version;      ///< "TLSv1.2" or "TLSv1.3"
  bool resumed;
};

class Stream final : public net::ByteStream {
 public:
  static constexpr std::size_t kMaxUnsent = std::size_t{64} * 1024;
  static constexpr unsigned kMaxIdleMessages = 64;

  /// Towards a guest. `received` is everything that was read from the socket already, the ClientHello first. The socket
  /// outlives the stream; what else is done with it meanwhile is interrupt() and options. The context may go before.
  static Result<std::unique_ptr<Stream>> accept(net::AsyncSocket& socket, const ServerContext& context,
                                                const Acceptance& how, std::vector<std::uint8_t> received);
  /// Towards an origin: asks for this name, and takes nobody else.
  static Result<std::unique_ptr<Stream>> connect(net::AsyncSocket& socket, const ClientContext& context,
                                                 const HostName& host, const ApplicationProtocols& protocols);
  ~Stream() override;

  /// Before anything else, once. kTimeout/kDenied: interrupted. kIo: the peer broke it off. kInvalid: fault() says what
  /// was wrong; the fatal alert that TLS has for it was sent, as far as the socket took it at once.
  boost::asio::awaitable<Result<>> handshake();
  [[nodiscard]] HandshakeFault fault() const;
  /// After handshake() went well.
  [[nodiscard]] SessionInfo info() const;

  /// kInvalid, as in every call: the peer broke the rules of TLS. A socket that can only be read is read to its end.
  boost::asio::awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer) override;
  std::optional<Result<std::size_t>> try_read(std::span<std::uint8_t> buffer) override;
  boost::asio::awaitable<Result<>> readable() override;
  boost::asio::awaitable<Result<>> write_all(Bytes bytes) override;
  /// A socket that has no room for the close_notify gets it, and FIN, when somebody reads or waits in flushed().
  void end_writing() override;
  void interrupt(Errc why) override;

  /// False: nothing is here that was not read, and the poller has told of nothing more.
  [[nodiscard]] bool may_have_more() const;

  /// Waits until the socket has taken everything, close_notify and FIN included: for who ends the writing and does not
  /// read on. Counts as a write: not while write_all() is awaited.
  boost::asio::awaitable<Result<>> flushed();

 private:
  struct Impl;
  explicit Stream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace enforcer::tls
