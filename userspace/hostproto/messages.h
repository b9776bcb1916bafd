// What enforcer-hostd and enforcerd say to each other over a SOCK_SEQPACKET socket: one JSON object per packet, at most
// 64 KiB, file descriptors beside it (SCM_RIGHTS). hostd is root and trusts nothing in a request: decode() accepts
// exactly the fields below, with their types and ranges, and nothing else.
//
//   enforcerd                                   hostd
//   hello                      ->               checks the peer's uid (SO_PEERCRED) and the version
//                              <-  welcome      + listeners, the DNS socket, the counters map (read-only)
//                              <-  pipes        + pre-sized pipes, as many messages as it takes
//                              <-  guest        one for each guest that exists   (+ exec channels, console of a
//                              microVM)
//                              <-  announced    that was all: what was not among them is gone for good
//   ready                      ->               the listeners go into the sockmap: traffic flows from here on
//   create_guest/attach_guest/delete_guest/label_guest/freeze_guest/thaw_guest ->   (+ one: descriptors_beside())
//                              <-  guest, reply
//   booted                     ->               the guest's hello was seen: the boot watchdog rests
//                              <-  guest_gone, event
//
// No guest stays frozen without somebody who wants it: hostd thaws by itself when the time of a freeze is over, when
// the connection ends, and when it has found a frozen one after a restart.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"

namespace enforcer::hostproto {

inline constexpr int kVersion = 6;
inline constexpr std::size_t kMaxMessage = 64 * 1024;
/// Of one guest, and characters in the key or the value of one.
inline constexpr std::size_t kMaxLabels = 64;
inline constexpr std::size_t kMaxLabel = 128;
/// How long a guest may be frozen without a break. What was sent to it and not acknowledged is sent again and again,
/// and the kernel gives such a connection up after 924 s (tcp_retries2 = 15, Documentation/networking/ip-sysctl).
inline constexpr std::chrono::seconds kMaxFreeze{900};

/// Bounds of a guest's memory, MiB, and of its processors.
inline constexpr std::uint32_t kLeastMemoryMib = 64;
inline constexpr std::uint32_t kMostMemoryMib = 64 * 1024;
inline constexpr std::uint32_t kMostCpus = 64;
/// Bounds of a scratch disk, MiB.
inline constexpr std::uint32_t kLeastDiskMib = 64;
inline constexpr std::uint32_t kMostDiskMib = 1024 * 1024;
inline constexpr std::uint32_t kDiskMib = 8192;  ///< when nobody says how much
/// Each is a process on the host.
inline constexpr std::size_t kMaxWorkspaces = 4;

/// A folder of the host that a guest shares, at the same absolute path.
struct Workspace {
  enum class Access { kReadWrite, kReadOnly };
  std::string path;  ///< as check_workspace_path() wants it; whether it may be shared, hostd finds out
  Access access = Access::kReadWrite;
  friend bool operator==(const Workspace&, const Workspace&) = default;
};
[[nodiscard]] std::string_view label(Workspace::Access access);  ///< "rw", "ro"

/// kInvalid with what is wrong unless the path is absolute, of at most 1024 bytes, without control characters and
/// without empty, "." and ".." components (a "/" at the end makes an empty one). The message does not repeat the path.
Result<> check_workspace_path(std::string_view path);
/// The same for all of them; also kInvalid when there are more than kMaxWorkspaces or one path lies in another or is
/// there twice.
Result<> check_workspaces(const std::vector<Workspace>& workspaces);

// ---- enforcerd -> hostd
struct Hello {
  int version = kVersion;
};
struct Ready {};
struct Booted {
  Slot slot;
};
struct CreateGuest {
  std::uint64_t request = 0;  ///< echoed in the reply
  GuestName name;
  Labels labels;
  std::uint32_t owner = 0;            ///< uid of whoever asked for it
  std::uint32_t owner_group = 0;      ///< their gid
  std::string image;                  ///< "mini"
  std::uint32_t memory_mib = 0;       ///< kLeastMemoryMib-kMostMemoryMib; 0: as the image says
  std::uint32_t cpus = 1;             ///< 1-kMostCpus
  std::uint32_t disk_mib = kDiskMib;  ///< of the scratch disk; kLeastDiskMib-kMostDiskMib
  std::vector<Workspace> workspaces;  ///< at most kMaxWorkspaces
  bool ephemeral = false;             ///< it lives as long as the command that it is made for: enforcerd sees to that
};
struct AttachGuest {
  std::uint64_t request = 0;
  GuestName name;
  Labels labels;
  std::uint32_t owner = 0;
  std::string netns;  ///< path of a network namespace: /run/netns/x, /proc/PID/ns/net
};
/// A microVM is ended, an attached namespace loses our link. kNotFound, also when the name is another guest's by now.
struct DeleteGuest {
  std::uint64_t request = 0;
  GuestName name;
  Slot slot{};  ///< the one that is meant: given out once, and the same at every attempt to boot; 0: one of that name
                ///< that has not been announced, its image is being checked
};
/// Labels are given or changed, and taken away; one that is to be taken away need not be there. The guest is announced
/// as it is then, before the reply. kNotFound; kInvalid: it would have more than kMaxLabels.
struct LabelGuest {
  std::uint64_t request = 0;
  Slot slot{};
  Epoch epoch{};  ///< the boot that is meant
  Labels set;
  std::vector<std::string> remove;  ///< keys, none of them in `set`; at most kMaxLabels
};
/// A microVM stands still from the reply on. One that is frozen already stays so for as long as either of the two
/// wants, and at most kMaxFreeze in all. kInvalid: an attached namespace; kConflict: still booting; kNotFound.
struct FreezeGuest {
  std::uint64_t request = 0;
  Slot slot{};
  Epoch epoch{};                ///< the boot that is meant
  std::chrono::seconds most{};  ///< 1-kMaxFreeze: hostd thaws it then, if nobody asks earlier
};
/// Whoever froze it, it runs from the reply on. One that is not frozen runs on. kNotFound.
struct ThawGuest {
  std::uint64_t request = 0;
  Slot slot{};
  Epoch epoch{};
};

// ---- hostd -> enforcerd
struct Welcome {
  int version = kVersion;
  std::uint32_t workers = 1;  ///< number of listeners among the descriptors
  std::string attach_mode;    ///< "tcx" or "clsact"
  std::string accelerator;    ///< "kvm", "tcg" or "unknown" (no guest booted yet)
  IpAddress gateway_ipv4;
  IpAddress gateway_ipv6;
  // descriptors, in this order: workers listeners, the DNS socket, the "counters" map
};
struct Pipes {
  std::uint32_t count = 0;  // descriptors: count times (read end, write end), each of 1 MiB
};
struct Guest {
  Slot slot{};
  Epoch epoch{};
  GuestName name;
  Labels labels;
  std::uint32_t owner = 0;            ///< uid of whoever asked for it
  std::string kind;                   ///< "microvm" or "attached"
  std::string state;                  ///< "booting", "running", or "paused" (a microvm that is frozen)
  std::string image;                  ///< microvm only
  std::string accelerator;            ///< microvm only: "kvm" or "tcg"
  std::uint32_t interface_index = 0;  ///< of the host end of its veth, in the gateway namespace
  IpAddress ipv4;
  IpAddress ipv6;
  std::uint64_t created = 0;  ///< seconds since 1970; 0: made before this was written down
  bool ephemeral = false;     ///< as it was asked for, also after a restart of either side
  // descriptors of a microvm, in this order: kExecChannels exec channels, console (stream sockets)
};
/// Every guest that exists has been announced. Only this lets enforcerd forget what it kept of the others: a connection
/// that ends before it says nothing about them.
struct Announced {};
struct GuestGone {
  Slot slot{};
  std::string why;  ///< "deleted", "exited", "boot timeout", "namespace gone", "second_path"
};
struct Reply {
  std::uint64_t request = 0;
  std::optional<Error> error;  ///< none: done
  std::string warning;         ///< one line for the caller, or empty
};
/// Something an operator must know; enforcerd writes it into the audit log.
struct Event {
  std::string name;  ///< "second_path", "enforcement_lost", "guard_restored", "network_restored", …
  Slot slot{};       ///< 0: not about one guest
  std::string detail;
};

using Request =
    std::variant<Hello, Ready, Booted, CreateGuest, AttachGuest, DeleteGuest, LabelGuest, FreezeGuest, ThawGuest>;
using Notice = std::variant<Welcome, Pipes, Guest, Announced, GuestGone, Reply, Event>;

[[nodiscard]] std::string encode(const Request& request);
[[nodiscard]] std::string encode(const Notice& notice);
/// How many descriptors come beside a request: with a guest that shares folders of the host the control connection of
/// whoever asked for it, which says to hostd who that is; none with anything else.
[[nodiscard]] std::size_t descriptors_beside(const Request& request);
/// kInvalid with the offending field for anything that is not exactly one of the messages above.
[[nodiscard]] Result<Request> decode_request(std::string_view packet);
[[nodiscard]] Result<Notice> decode_notice(std::string_view packet);

/// One packet with its descriptors.
struct Packet {
  std::string text;
  std::vector<Fd> descriptors;
};
/// Sends one packet; kIo when the peer is gone or its buffer is full (both ends treat that as a broken peer).
Result<> send_packet(int socket, std::string_view text, const std::vector<int>& descriptors);
/// The next packet, or nothing when none is waiting (non-blocking socket); kIo at end of file.
Result<std::optional<Packet>> receive_packet(int socket);

}  // namespace enforcer::hostproto
