// The other side of a connection: plain OpenSSL, knowing nothing of ours, blocking, on a thread of its own.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.h"
#include "hello_bytes.h"

namespace enforcer::tls::test {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freed<SSL_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Ticket = std::unique_ptr<SSL_SESSION, Freed<SSL_SESSION_free>>;

struct SocketPair {
  Fd ours;   // non-blocking
  Fd other;  // blocking, and no call on it takes longer than this
  SocketPair() {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    ours = Fd(ends[0]);
    other = Fd(ends[1]);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    REQUIRE(setsockopt(other.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    REQUIRE(setsockopt(other.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    REQUIRE(fcntl(ours.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  /// A few kilobytes in the kernel instead of hundreds: everybody has to wait all the time.
  void narrow() const {
    const int size = 1;
    for (const Fd* end : {&ours, &other}) {
      REQUIRE(setsockopt(end->get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
      REQUIRE(setsockopt(end->get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0);
    }
  }
};

inline std::string alpn_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const auto& protocol : protocols) wire += vec8(protocol);
  return wire;
}

inline std::string alpn_chosen(SSL* session) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

/// Reads to the end of the stream; "!" behind it when that was no close_notify.
inline std::string read_to_end(SSL* session) {
  std::string all;
  char buffer[4096];
  int count = 0;
  while ((count = SSL_read(session, buffer, sizeof buffer)) > 0) all.append(buffer, static_cast<std::size_t>(count));
  if (SSL_get_error(session, count) != SSL_ERROR_ZERO_RETURN) all += '!';
  ERR_clear_error();
  return all;
}

/// Runs `story` with a session over `socket` on a thread; joined at the end of the scope. The socket closes with the
/// story.
class OpenSslPeer {
 public:
  OpenSslPeer(Session session, Fd socket, std::function<void(SSL*)> story)
      : thread_([session = std::move(session), socket = std::move(socket), story = std::move(story)] {
          // OpenSSL writes with write(2). On this thread only: ours must not raise the signal in the first place.
          sigset_t pipe;
          sigemptyset(&pipe);
          sigaddset(&pipe, SIGPIPE);
          pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
          SSL_set_fd(session.get(), socket.get());
          story(session.get());
          ERR_clear_error();
        }) {}
  ~OpenSslPeer() { thread_.join(); }
  OpenSslPeer(const OpenSslPeer&) = delete;
  OpenSslPeer& operator=(const OpenSslPeer&) = delete;

 private:
  std::thread thread_;
};

}  // namespace enforcer::tls::test
