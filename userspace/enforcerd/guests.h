// Guests: everything enforcerd knows of the guests that hostd announced, and the one place that tells the workers about
// them.
//
// Thread: worker 0.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "abi.h"
#include "config/config.h"
#include "config/paths.h"
#include "enforcerd/guest_channels.h"
#include "enforcerd/one_command.h"
#include "enforcerd/workers.h"
#include "hostproto/messages.h"
#include "metrics/exposition.h"
#include "policy/snapshot.h"

namespace enforcer::enforcerd {

/// One guest, as it is known here.
struct GuestEntry {
  std::shared_ptr<proxy::Guest> guest;
  hostproto::Guest announced;                         ///< as hostd last said it
  std::optional<WallClock::time_point> paused_since;  ///< microvm only: it is frozen
  std::shared_ptr<GuestChannels> channels;            ///< microvm only
  std::unique_ptr<ConsoleRing> console;               ///< microvm only
  OneCommand one_command;                             ///< of one that is ephemeral
  bool leaving = false;                               ///< its end has been asked for
  std::string names_file;
  std::string authority_folder;
  std::string trust_pem;         ///< the certificate of the CA that the guest is to trust; empty: it has none
  enforcer_counters reported{};  ///< of the datapath, as far as it was written to the audit log
  std::uint64_t undecided = 0;   ///< connections and requests refused by its rate, as far as that was written there

  /// Where a command can be run now. kInvalid: an attached namespace; kUnavailable: hostd could not hand its channels
  /// over; kConflict: it is paused, or still boots.
  [[nodiscard]] Result<std::shared_ptr<GuestChannels>> ready_channels() const;
  /// It was made for one command, which is over, and its end has not been asked for yet. To be asked now and then.
  [[nodiscard]] bool is_over(Monotonic::time_point now);
};

class Guests {
 public:
  Guests(const config::Config& config, config::Paths paths, Workers& workers, metrics::Exposition& exposition);

  /// A guest exists, or something about it changed: where its labels did, its live sessions are decided again. Its
  /// entry; null when its name table cannot be opened: it gets no egress.
  GuestEntry* arrived(const hostproto::Guest& announced, std::vector<Fd> descriptors, const policy::Snapshot& policies);
  /// The guest is gone: its sessions are closed, its names forgotten.
  void left(Slot slot, std::string_view why);

  /// After hostd came back it announces what exists. Those that it did not announce by the end of the roll call are
  /// gone (`missed` sees to it), and so is what was kept of guests that went while no enforcerd ran. A roll call that
  /// was cancelled says nothing.
  void begin_roll_call();
  void end_roll_call(const std::function<void(Slot)>& missed);
  void cancel_roll_call() { roll_call_.reset(); }
  [[nodiscard]] bool calling_roll() const { return roll_call_.has_value(); }

  /// Guests whose clock could not be set yet are told the time.
  void keep_time();

  /// Ends every conversation with a guest's init: the daemon stops.
  void close_channels();

  /// A new generation for every guest: live sessions are decided again.
  void enforce(const policy::Snapshot& policies);

  [[nodiscard]] std::map<std::uint32_t, GuestEntry>& all() { return entries_; }
  [[nodiscard]] GuestEntry* find(const GuestName& name);
  [[nodiscard]] GuestEntry* find(Slot slot);

 private:
  /// What is kept of one boot of one guest while it lives, and survives a restart of enforcerd.
  struct Files {
    std::string names;
    std::string authority;
  };
  [[nodiscard]] std::string stem_of(const hostproto::Guest& announced) const;
  [[nodiscard]] static Files files_of(const std::string& stem);
  Result<std::shared_ptr<proxy::Guest>> make_guest(const hostproto::Guest& announced, const policy::GuestPolicy& policy,
                                                   const Files& files) const;
  /// Removes what is kept of every boot of every guest but those that the roll call heard of.
  void sweep(const std::set<std::string>& stems) const;
  void enforce(GuestEntry& entry, const policy::Snapshot& policies);
  /// Whoever waits for the guest learns whether it stands still.
  void note_pause(GuestEntry& entry);
  void take_descriptors(GuestEntry& entry, std::vector<Fd> descriptors);

  const config::Config& config_;
  const config::Paths paths_;
  Workers& workers_;
  metrics::Exposition& exposition_;
  std::map<std::uint32_t, GuestEntry> entries_;  ///< by slot
  /// What was announced since begin_roll_call(), by stem_of(); also those that could not be given egress.
  std::optional<std::set<std::string>> roll_call_;
};

}  // namespace enforcer::enforcerd
