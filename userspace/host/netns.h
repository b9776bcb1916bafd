// Network namespaces as values. A Netns is an open descriptor and therefore keeps its namespace alive: it is held for
// the gateway and for microVMs, and only for a moment for namespaces that belong to somebody else.
#pragma once

#include <sys/types.h>

#include <compare>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

/// Which namespace it is, whatever path led there. The number may be used again once the namespace is gone.
struct NetnsId {
  dev_t device = 0;
  ino_t inode = 0;
  friend auto operator<=>(const NetnsId&, const NetnsId&) = default;
};

class Netns {
 public:
  static Result<Netns> current();
  /// The namespace that `path` names; kInvalid when that is anything else, which is found out without opening it (the
  /// path comes from a less trusted process, and opening a device or a FIFO has effects).
  static Result<Netns> open(const std::string& path);
  /// A new one that lives as long as this object, or something inside it.
  static Result<Netns> make();
  /// The one mounted at `path`, or a new one mounted there as `ip netns add` does it.
  static Result<Netns> open_or_make_named(const std::string& path);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] NetnsId id() const { return id_; }

 private:
  Netns(Fd fd, NetnsId id) : fd_(std::move(fd)), id_(id) {}
  static Result<Netns> of(Fd fd);

  Fd fd_;
  NetnsId id_;
};

/// Takes the name away; the namespace ends with its last user. Done when there is none.
Result<> remove_named_netns(const std::string& path);

/// The calling thread is in `netns` until the end of the scope. Sockets, /proc/sys/net, interface indexes and started
/// programs all follow the thread.
class NetnsScope {
 public:
  static Result<NetnsScope> enter(const Netns& netns);
  NetnsScope(NetnsScope&&) noexcept = default;
  NetnsScope& operator=(NetnsScope&&) = delete;
  ~NetnsScope();

 private:
  explicit NetnsScope(Fd before) : before_(std::move(before)) {}
  Fd before_;
};

}  // namespace enforcer::host
