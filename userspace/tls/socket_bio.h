// SocketBio: where OpenSSL reads and writes, see stream.h. For OpenSSL a write always succeeds, also when the socket
// has failed: what cannot be sent any more is dropped, whoever flushes hears of it, and what the peer sent before it
// closed can still be read.
#pragma once

#include <memory>
#include <vector>

#include "net/async_socket.h"
#include "tls/openssl.h"

namespace enforcer::tls {

class SocketBio {
 public:
  /// `received` comes first, then the socket.
  SocketBio(net::AsyncSocket& socket, std::vector<std::uint8_t> received);
  SocketBio(const SocketBio&) = delete;
  SocketBio& operator=(const SocketBio&) = delete;

  /// Makes `session` read and write here. The session must go first.
  Result<> attach(ssl_st& session);

  /// Sends what is left over, as far as the socket takes it at once; or says how sending failed, now or earlier.
  Result<> flush();
  /// How much is left over.
  [[nodiscard]] std::size_t unsent() const { return outgoing_.size() - sent_; }
  /// FIN, as soon as nothing is left over.
  void end_when_flushed();
  /// Still waiting to send FIN, or something before it.
  [[nodiscard]] bool flushing() const { return !send_failure_ && (unsent() > 0 || (ending_ && !ended_)); }

  /// The last read ended because the socket had nothing, or (eof) will never have anything.
  [[nodiscard]] bool starved() const { return starved_; }
  [[nodiscard]] bool eof() const { return eof_; }
  /// How receiving failed, or null; what OpenSSL then says is not the reason.
  [[nodiscard]] const Error* failure() const { return failure_.get(); }

 private:
  struct Method;  // OpenSSL's callbacks

  int read(std::span<std::uint8_t> buffer);
  int write(Bytes bytes);

  net::AsyncSocket& socket_;
  std::vector<std::uint8_t> received_;
  std::size_t received_used_ = 0;
  std::vector<std::uint8_t> outgoing_;
  std::size_t sent_ = 0;  // of outgoing_
  bool ending_ = false;
  bool ended_ = false;
  bool starved_ = false;
  bool eof_ = false;
  // By pointers: most streams never fail, and an Error inside would take its room for as long as they live.
  std::unique_ptr<const Error> failure_;
  std::unique_ptr<const Error> send_failure_;
};

}  // namespace enforcer::tls
