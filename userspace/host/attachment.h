// One BPF program on one direction of one interface, so that it stays when hostd goes.
//
// TCX (Linux 6.6): a link pinned in bpffs. It runs before every clsact filter, `tc qdisc del` does not touch it, its
// program is replaced atomically, and it is put in front of whatever else is there. Older kernels: a clsact filter at a
// fixed handle and the first priority, which survives by itself but can be removed, or overtaken by another one of the
// same priority, by anybody who has the tools; the watchdog looks for that.
//
// The object is only a view: its end changes nothing, remove() does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

enum class AttachMode { kTcx, kClsact };
enum class Direction { kIngress, kEgress };

[[nodiscard]] std::string_view to_string(AttachMode mode);  ///< "tcx", "clsact"

/// Tries which one this kernel has, with `program` on the loopback interface of the calling thread's namespace.
/// kUnavailable: none.
[[nodiscard]] Result<AttachMode> probe_attach_mode(int program);

class Attachment {
 public:
  struct Place {
    std::uint32_t interface_index = 0;  ///< in the namespace the calling thread is in
    Direction direction = Direction::kIngress;
    std::string pin;  ///< path in bpffs; used by TCX only
  };

  /// Attaches `program`, or puts it in the place of what an earlier run attached there.
  static Result<Attachment> attach(AttachMode mode, const Place& place, int program);

  /// Whether it is still there, with our program, and nothing runs before it; in the interface's namespace. False also
  /// when the interface is gone.
  [[nodiscard]] bool intact() const;
  /// In the interface's namespace: elsewhere its index names another interface.
  void remove();

 private:
  Attachment(AttachMode mode, Place place, std::uint32_t program_id, Fd link)
      : mode_(mode), place_(std::move(place)), program_id_(program_id), link_(std::move(link)) {}

  AttachMode mode_;
  Place place_;
  std::uint32_t program_id_;
  Fd link_;  ///< TCX only
};

}  // namespace enforcer::host
