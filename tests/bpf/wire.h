// A guest's namespace and a gateway's, joined by a veth with the programs attached, set up as hostd does it: the nft
// guard excepted, all that matters to the programs. Sockets are made in one namespace or the other and used from here.
#pragma once

#include <netinet/in.h>

#include <chrono>
#include <utility>

#include "datapath.h"

namespace enforcer::bpf_test {

// A file descriptor that closes itself.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { reset(); }
  void reset();
  int release() { return std::exchange(fd_, -1); }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

inline constexpr std::chrono::milliseconds kSoon{2000};   // for what must happen
inline constexpr std::chrono::milliseconds kAWhile{250};  // for what must not

// An IPv4 or IPv6 address in text, with a port.
struct Endpoint {
  const char* address;
  std::uint16_t port;
};
// Text of the address, an IPv4-mapped one as IPv4.
std::string name_of(const sockaddr_in6& address);

// Waits until the socket can be read or has an error; false when the time is over.
bool wait_readable(int fd, std::chrono::milliseconds limit);
// The result of a connect in progress: 0, an errno, or ETIMEDOUT after `limit`.
int wait_connected(int fd, std::chrono::milliseconds limit);
// Up to 64 KiB; empty at the end of the stream, on an error or after kSoon.
std::string receive(int fd);

class Wire {
 public:
  // With `workers` listeners in use and the DNS socket.
  explicit Wire(std::uint32_t workers = 1);

  // From the guest; `source_port` 0 lets the kernel choose.
  Socket connect(Endpoint to, int type, std::uint16_t source_port = 0);
  // In the gateway namespace: the next connection of a worker's listener, or none within `limit`.
  Socket accept(std::uint32_t worker = 0, std::chrono::milliseconds limit = kSoon);
  // One frame, as it is, on the guest's end.
  void send_raw(const Bytes& frame);
  // The next frame that arrives on the guest's end and has this EtherType, or empty after `limit`.
  Bytes receive_raw(std::uint16_t ethertype, std::chrono::milliseconds limit = kSoon);

  // What the counters say since the last call; waits until `frames` more verdicts are there.
  enforcer_counters changes(std::uint64_t frames);
  void forget();

  Datapath& datapath() { return datapath_; }
  Netns& guest() { return guest_; }
  Netns& gateway() { return gateway_; }
  Socket& listener(std::uint32_t worker) { return listeners_.at(worker); }
  Socket& dns() { return dns_; }
  [[nodiscard]] std::uint32_t ifindex() const { return ifindex_; }

 private:
  void make_links();
  void make_sockets(std::uint32_t workers);

  Netns guest_;
  Netns gateway_;
  Datapath datapath_;
  std::uint32_t ifindex_ = 0;
  std::uint32_t eth0_ = 0;
  std::vector<Socket> listeners_;
  Socket dns_;
  Socket raw_;
  enforcer_counters seen_{};
};

}  // namespace enforcer::bpf_test
