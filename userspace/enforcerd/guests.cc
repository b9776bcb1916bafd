#include "enforcerd/guests.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "enforcerd/files.h"

namespace enforcer::enforcerd {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNamesSuffix = ".names";
constexpr const char* kAuthoritySuffix = ".ca";

/// What is in the folder; nothing when it is not there, or no folder.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed); !failed && at != fs::directory_iterator(); at.increment(failed)) {
    entries.push_back(at->path());
  }
  return entries;
}

}  // namespace

Result<std::shared_ptr<GuestChannels>> GuestEntry::ready_channels() const {
  if (!channels && announced.kind == "microvm") {
    return fail(Errc::kUnavailable, "the guest's command channels are out of order");
  }
  if (!channels) return fail(Errc::kInvalid, "an attached namespace has no command channel");
  if (paused_since) return fail(Errc::kConflict, "the guest is paused");
  if (announced.state != "running") return fail(Errc::kConflict, "the guest is still booting");
  return channels;
}

bool GuestEntry::is_over(Monotonic::time_point now) {
  if (!announced.ephemeral || leaving || announced.state == "booting") return false;
  if (!channels) return one_command.is_over(0, 0, now);  // out of order: no command comes
  return one_command.is_over(channels->commands_begun(), channels->commands(), now);
}

Guests::Guests(const config::Config& config, config::Paths paths, Workers& workers, metrics::Exposition& exposition)
    : config_(config), paths_(std::move(paths)), workers_(workers), exposition_(exposition) {}

Result<std::shared_ptr<proxy::Guest>> Guests::make_guest(const hostproto::Guest& announced,
                                                         const policy::GuestPolicy& policy, const Files& files) const {
  TRY_VOID(make_folders(files.authority));
  auto names = TRY(dns::NameTable::open({config_.guests.synthetic_ipv4, config_.guests.synthetic_ipv6}, files.names));
  auto authority = TRY(tls::CertificateAuthority::open_or_make(files.authority, announced.name));
  proxy::GuestIdentity identity{announced.slot,  announced.epoch, announced.name,
                                announced.owner, announced.ipv4,  announced.ipv6};
  return std::make_shared<proxy::Guest>(std::move(identity), config_.limits.lowered_by(policy.limits()),
                                        std::move(names), std::move(authority));
}

std::string Guests::stem_of(const hostproto::Guest& announced) const {
  return paths_.guest_state_dir(announced.name) + "/" + to_string(announced.epoch);
}

Guests::Files Guests::files_of(const std::string& stem) {
  return {.names = stem + kNamesSuffix, .authority = stem + kAuthoritySuffix};
}

GuestEntry* Guests::arrived(const hostproto::Guest& announced, std::vector<Fd> descriptors,
                            const policy::Snapshot& policies) {
  const std::string stem = stem_of(announced);
  if (roll_call_) roll_call_->insert(stem);
  if (GuestEntry* known = find(announced.slot); known != nullptr) {
    if (known->announced.epoch == announced.epoch) {
      const bool labelled = known->announced.labels != announced.labels;
      known->announced = announced;
      if (labelled) enforce(*known, policies);
      take_descriptors(*known, std::move(descriptors));
      note_pause(*known);
      return known;
    }
    left(announced.slot, "replaced by another boot");
  }
  auto policy = policies.for_guest(announced.name, announced.labels);
  const Files files = files_of(stem);
  auto guest = make_guest(announced, *policy, files);
  if (!guest) {
    log_error("guest {} gets no egress: {}", announced.name.text(), guest.error().message);
    return nullptr;
  }
  GuestEntry& entry = entries_
                          .insert_or_assign(static_cast<std::uint32_t>(announced.slot),
                                            GuestEntry{.guest = *guest, .announced = announced})
                          .first->second;
  entry.names_file = files.names;
  entry.authority_folder = files.authority;
  entry.trust_pem = entry.guest->authority()->certificate_pem();
  take_descriptors(entry, std::move(descriptors));
  const metrics::GuestSeries series = exposition_.guest_attached(announced.slot, announced.name);
  const auto labels = std::make_shared<const Labels>(announced.labels);
  workers_.on_each([guest = *guest, labels, policy, series](proxy::Worker& worker) {
    worker.add_guest(guest, labels, policy, series);
  });
  note_pause(entry);
  log_info("guest {} ({}) is here: {}, {}", announced.name.text(), announced.kind, announced.ipv4.to_string(),
           policy->selected() ? "its policies are in force" : "no policy selects it, so everything is denied");
  return &entry;
}

void Guests::take_descriptors(GuestEntry& entry, std::vector<Fd> descriptors) {
  // An attached namespace has none, and a change of state brings none. One boot keeps its channels over a restart of
  // hostd: each stream is to QEMU, which talks to one connection at a time, and a command may be under way on it.
  if (descriptors.size() != hostproto::kExecChannels + 1 || entry.channels) return;
  auto console = ConsoleRing::make(workers_.home(), std::move(descriptors.back()));
  descriptors.pop_back();
  entry.channels = std::make_shared<GuestChannels>(workers_.home(), std::move(descriptors));
  entry.channels->set_trust(entry.trust_pem);
  if (console) entry.console = *std::move(console);
}

void Guests::note_pause(GuestEntry& entry) {
  const bool paused = entry.announced.state == "paused";
  if (paused == entry.paused_since.has_value()) return;
  const Slot slot = entry.announced.slot;
  if (paused) {
    entry.paused_since = WallClock::now();
    if (entry.channels) entry.channels->freeze();
    workers_.on_each([slot](proxy::Worker& worker) { worker.guest_frozen(slot); });
  } else {
    entry.paused_since.reset();
    if (entry.channels) entry.channels->thaw();
    workers_.on_each([slot](proxy::Worker& worker) { worker.guest_thawed(slot); });
  }
}

void Guests::keep_time() {
  for (auto& [slot, entry] : entries_) {
    if (entry.channels) entry.channels->keep_time();
  }
}

void Guests::left(Slot slot, std::string_view why) {
  const auto found = entries_.find(static_cast<std::uint32_t>(slot));
  if (found == entries_.end()) return;
  GuestEntry& entry = found->second;
  log_info("guest {} is gone: {}", entry.announced.name.text(), why);
  if (entry.announced.state == "booting" && entry.console) {
    log_warning("the end of its console:\n{}", entry.console->tail(20));
  }
  if (entry.channels) entry.channels->close();
  workers_.on_each([slot](proxy::Worker& worker) { worker.remove_guest(slot); });
  exposition_.guest_left(slot, Monotonic::now());
  unlink(entry.names_file.c_str());
  if (const auto removed = tls::CertificateAuthority::remove(entry.authority_folder); !removed) {
    log_warning("the CA of guest {} stays: {}", entry.announced.name.text(), removed.error().message);
  }
  rmdir(entry.authority_folder.c_str());
  rmdir(paths_.guest_state_dir(entry.announced.name).c_str());  // stays while another boot of that name is here
  entries_.erase(found);
}

void Guests::close_channels() {
  for (auto& [slot, entry] : entries_) {
    if (entry.channels) entry.channels->close();
  }
}

void Guests::begin_roll_call() {
  roll_call_.emplace();
}

void Guests::end_roll_call(const std::function<void(Slot)>& missed) {
  if (!roll_call_) return;  // none was begun on this connection
  const std::set<std::string> heard = *std::exchange(roll_call_, std::nullopt);
  std::vector<Slot> missing;
  for (const auto& [slot, entry] : entries_) {
    if (!heard.contains(stem_of(entry.announced))) missing.push_back(Slot{slot});
  }
  for (const Slot slot : missing) missed(slot);
  sweep(heard);
}

void Guests::sweep(const std::set<std::string>& stems) const {
  for (const fs::path& folder : entries_of(paths_.guests_state_dir())) {
    for (const fs::path& path : entries_of(folder)) {
      // Nothing that somebody else put there.
      const bool ours = path.extension() == kNamesSuffix || path.extension() == kAuthoritySuffix;
      if (!ours || !parse_epoch(path.stem().string()) || stems.contains(folder / path.stem())) continue;
      std::error_code failed;
      fs::remove_all(path, failed);
      if (failed) {
        log_warning("{} stays: {}", path.string(), failed.message());
      } else {
        log_info("{} is removed: its guest ended while no enforcerd ran", path.string());
      }
    }
    rmdir(folder.c_str());  // unless something is left in it
  }
}

void Guests::enforce(const policy::Snapshot& policies) {
  for (auto& [slot, entry] : entries_) enforce(entry, policies);
}

void Guests::enforce(GuestEntry& entry, const policy::Snapshot& policies) {
  auto policy = policies.for_guest(entry.announced.name, entry.announced.labels);
  entry.guest->limit(config_.limits.lowered_by(policy->limits()));
  const auto labels = std::make_shared<const Labels>(entry.announced.labels);
  workers_.on_each([slot = entry.announced.slot, labels, policy](proxy::Worker& worker) {
    worker.replace_policy(slot, labels, policy);
  });
}

GuestEntry* Guests::find(const GuestName& name) {
  for (auto& [slot, entry] : entries_) {
    if (entry.announced.name == name) return &entry;
  }
  return nullptr;
}

GuestEntry* Guests::find(Slot slot) {
  const auto found = entries_.find(static_cast<std::uint32_t>(slot));
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace enforcer::enforcerd
