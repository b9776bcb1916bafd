// The guests of this instance: what exists, how it comes, how it goes.
//
// A request never waits for a boot: create starts QEMU and returns to the poll loop; the reply follows when enforcerd
// has seen the guest's hello (booted), when QEMU ends, or when the boot deadline passes. Each start of a microVM, the
// first and a retry, is announced with its own epoch and its own channels under the same slot; that it runs is
// announced without channels.
//
// Everything about a guest is written down before it can be needed: a hostd that is killed at any moment finds, or
// removes, what it left (adopt.cc). One thread; nothing here blocks for longer than the kernel takes.
//
//   guests.cc    create, attach, delete, label, announce
//   images.cc    microVMs whose image is being checked first
//   machines.cc  microVMs: start, boot deadline, fallback, end
//   shares.cc    microVMs: the folders they share and the limits they keep to
//   pauses.cc    microVMs: freeze and thaw
//   adopt.cc     after a restart
//   watch.cc     twice a second: is every guest still guarded?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/deadline.h"
#include "config/config.h"
#include "config/paths.h"
#include "host/accelerator.h"
#include "host/cgroups.h"
#include "host/guest_link.h"
#include "host/guest_side.h"
#include "host/image.h"
#include "host/microvm.h"
#include "host/network.h"
#include "host/qmp_call.h"
#include "host/virtiofsd.h"
#include "hostd/records.h"
#include "hostproto/messages.h"

namespace enforcer::hostd {

/// How long a guest under TCG may take to say hello: 2 s on an idle host, and 20 s have been seen on a busy one.
inline constexpr std::chrono::seconds kBootTime{60};

/// After this long a loop over requests or guests ends, and what is left comes in the next turn: one whose folder is on
/// a file system that hangs takes seconds, and the service manager's watchdog waits for all of a turn.
inline constexpr std::chrono::seconds kTurn{1};

/// Takes a notice with its descriptors to enforcerd, or nowhere when there is none.
using Outbox = std::function<void(const hostproto::Notice&, const std::vector<Fd>&)>;

class Guests {
 public:
  /// How often a microVM is started before its creation fails; a KVM that turns out not to work does not count.
  static constexpr int kBootAttempts = 2;

  /// The references must outlive this object.
  Guests(host::Network& network, const config::Config& config, const config::Paths& paths, host::AddressPlan plan,
         Records records, Outbox outbox);

  /// Takes the guests of an earlier run that still live, removes what is left of the others. Once, before anything
  /// else.
  Result<> adopt();

  // Requests; each is answered with one Reply, now or later. create() waits for the image to be checked, which it has
  // been but for the first time.
  void create(const hostproto::CreateGuest& request);
  void attach(const hostproto::AttachGuest& request);
  void remove(const hostproto::DeleteGuest& request);
  void label(const hostproto::LabelGuest& request);
  void booted(Slot slot);
  void freeze(const hostproto::FreezeGuest& request);
  void thaw(const hostproto::ThawGuest& request);

  /// Announces every guest to an enforcerd that has just come.
  void announce_all();
  /// Whoever waited for replies is gone, and with it whoever wanted guests frozen.
  void forget_requests();
  void thaw_all();

  /// Readable when the microVM of that slot has ended.
  [[nodiscard]] std::vector<std::pair<int, Slot>> machines() const;
  void machine_ended(Slot slot);
  /// Readable when QEMU's monitor has said something to that slot's freeze or thaw.
  [[nodiscard]] std::vector<std::pair<int, Slot>> monitors() const;
  void monitor_ready(Slot slot);
  /// Readable when an image has been checked; -1: none is being checked.
  [[nodiscard]] int image_check() const { return images_.checking(); }
  /// Makes the guests that wait for their images, unless a check is still under way; for kTurn, then the rest waits on.
  /// To be called after whatever may have looked at an image, and when image_check() is readable.
  void create_waiting();
  /// Whether create_waiting() has something to do that no descriptor tells of.
  [[nodiscard]] bool creations_due() const { return !waiting_.empty() && images_.checking() < 0; }
  /// About twice a second.
  void watch();

  /// What the next microVM would be started with: "kvm", "tcg" or "unknown".
  [[nodiscard]] std::string accelerator() const;
  [[nodiscard]] std::size_t size() const { return guests_.size(); }

 private:
  /// A microVM that has not said hello yet.
  struct Boot {
    Deadline deadline;
    host::AcceleratorPlan plan;
    int attempts_left = 0;
    std::optional<std::uint64_t> request;  ///< whom to answer; none after a restart
    std::string warning;                   ///< goes out with the reply
  };
  /// A microVM that is frozen, or on its way there or back.
  struct Pause {
    enum class Wish { kPaused, kRunning } wish = Wish::kPaused;
    Monotonic::time_point began;
    Deadline until;                           ///< then it is thawed, whoever wants it frozen
    bool stopped = false;                     ///< QEMU has said so
    std::optional<host::QmpCall> call;        ///< under way
    host::QmpCommand asked{};                 ///< by that call
    Deadline again = Deadline::after({});     ///< not before then: a thaw that failed
    std::vector<std::uint64_t> freezes = {};  ///< requests to be answered
    std::vector<std::uint64_t> thaws = {};
    std::string complaint = {};  ///< why thawing fails, as it was last said
  };
  struct Guest {
    GuestRecord record;
    host::GuestAddresses addresses = {};
    std::optional<host::GuestLink> wire = {};
    // Of a microVM only:
    std::optional<host::Netns> netns = {};
    std::optional<host::TapJoin> join = {};
    std::optional<host::MicroVm> vm = {};
    std::optional<Boot> boot = {};
    std::optional<Pause> pause = {};
    std::vector<host::Virtiofsd> servers = {};  ///< of its workspaces
    std::size_t servers_ended = 0;              ///< of them, when that was last looked at
    host::GuestCgroups cgroups = {};
    bool announced = false;  ///< enforcerd may know it, so it must hear of its end
  };
  /// QEMU of a guest that is gone, which has not ended yet: it holds its disk open.
  struct EndingMachine {
    host::MicroVm vm;
    std::uint64_t disk_mib = 0;
  };
  enum class Wires { kUp, kDown };

  // guests.cc
  [[nodiscard]] Guest* find(const GuestName& name);
  [[nodiscard]] Guest* find(Slot slot);
  /// `request`: CreateGuest or AttachGuest.
  template <class Request>
  Result<Guest*> add(const Request& request, std::variant<Machine, Attached> kind);
  Result<> make_attached(Guest& guest);
  Result<> require_unused(const host::NetnsId& netns) const;
  [[nodiscard]] static hostproto::Guest notice_of(const Guest& guest);
  Result<> announce(Guest& guest);  ///< with new channels, if it is a microVM
  void reply(std::uint64_t request, const Result<>& outcome, std::string warning = {});
  void event(std::string name, Slot slot, std::string detail);
  /// Ends the guest and everything about it, link first, and says why.
  void drop(Slot slot, std::string why);

  // images.cc
  void create_when_checked(const hostproto::CreateGuest& request);
  void create_now(const hostproto::CreateGuest& request);
  /// Whether a guest of that name was about to be created; it will not be.
  bool forget_waiting(const GuestName& name);

  // machines.cc
  Result<> make_machine(Guest& guest);
  [[nodiscard]] std::uint64_t promised_disks(const Guest& guest) const;
  Result<> start_machine(Guest& guest);
  void boot_failed(Slot slot, const Error& error, std::string why);
  void check_boot(Slot slot);
  void end_machine(Guest& guest);
  void sweep_machines();
  [[nodiscard]] std::string memory_file() const;

  // shares.cc
  /// Starts a server for each of the guest's workspaces, in place of those before. The sockets for QEMU, in their
  /// order.
  Result<std::vector<Fd>> share_workspaces(Guest& guest, const std::vector<Fd>& cgroups);
  /// The way into the guest's cgroups. Where the host limits nothing, or not everything, the guest is made all the same
  /// and whoever asked for it is told.
  Result<std::vector<Fd>> limit(Guest& guest);
  void end_shares(Guest& guest);
  void adopt_shares(Guest& guest);
  void check_shares(Slot slot);
  void sweep_cgroups();
  [[nodiscard]] host::AcceleratorChoice choice() const;

  // pauses.cc
  Result<Guest*> find_boot(Slot slot, Epoch epoch);
  void pursue(Guest& guest);
  void ask_monitor(Guest& guest, host::QmpCommand command);
  void monitor_answered(Guest& guest, const Result<>& outcome);
  void stop_answered(Guest& guest, const Result<>& outcome);
  void cont_answered(Guest& guest, const Result<>& outcome);
  Result<> set_state(Guest& guest, Machine::State state);
  void resume_adopted(Guest& guest);
  void check_pause(Slot slot);
  void answer_all(std::vector<std::uint64_t>& requests, const Result<>& outcome);

  // adopt.cc
  Result<> adopt_one(GuestRecord record);
  Result<> take_addresses(Guest& guest);
  Result<> adopt_machine(Guest& guest);
  Result<> adopt_attached(Guest& guest);
  void remove_unknown_run_dirs();

  // watch.cc
  void check_guard();
  void check_gateway(bool changed);
  void check_foreign_links();
  void check_wire(Slot slot, bool changed);
  void check_namespace(Slot slot);
  void check_machine_namespace(Guest& guest);
  void drop_second_path(Guest& guest);

  host::Network& network_;
  const config::Config& config_;
  const config::Paths& paths_;
  host::AddressPlan plan_;
  Records records_;
  Outbox outbox_;
  host::ImageStore images_;
  std::vector<hostproto::CreateGuest> waiting_;  ///< for their images to be checked
  host::CgroupPlaces cgroups_;
  std::vector<host::GuestCgroups> ending_cgroups_;  ///< of guests that are gone, with processes that still end
  std::vector<EndingMachine> ending_machines_;
  bool said_unlimited_ = false;  ///< that this host does not limit everything is one event
  std::map<Slot, Guest> guests_;
  std::set<std::uint32_t> foreign_links_;  ///< indexes of those in the gateway namespace that are on record
  Wires wires_ = Wires::kUp;               ///< kDown: there is no nft guard, and no guest may have a link
};

}  // namespace enforcer::hostd
