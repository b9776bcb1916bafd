#include "hostd/guests.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "abi.h"
#include "base/deadline.h"
#include "base/log.h"
#include "hostproto/exec_frame.h"

namespace enforcer::hostd {

using hostproto::AttachGuest;
using hostproto::CreateGuest;
using hostproto::DeleteGuest;

namespace {

/// 0 on a clock that says something earlier.
std::uint64_t seconds_since_1970() {
  return static_cast<std::uint64_t>(std::max<std::time_t>(WallClock::to_time_t(WallClock::now()), 0));
}

}  // namespace

Guests::Guests(host::Network& network, const config::Config& config, const config::Paths& paths, host::AddressPlan plan,
               Records records, Outbox outbox)
    : network_(network),
      config_(config),
      paths_(paths),
      plan_(plan),
      records_(std::move(records)),
      outbox_(std::move(outbox)),
      images_(config.images.roots),
      cgroups_(host::CgroupPlaces::of_this_process(config.instance)) {}

Guests::Guest* Guests::find(const GuestName& name) {
  const auto found = std::ranges::find_if(guests_, [&](const auto& entry) { return entry.second.record.name == name; });
  return found == guests_.end() ? nullptr : &found->second;
}

Guests::Guest* Guests::find(Slot slot) {
  const auto found = guests_.find(slot);
  return found == guests_.end() ? nullptr : &found->second;
}

namespace {

std::vector<SharedFolder> folders_of(const CreateGuest& request) {
  std::vector<SharedFolder> folders;
  for (const hostproto::Workspace& workspace : request.workspaces) folders.push_back({.workspace = workspace});
  return folders;
}

}  // namespace

template <class Request>
Result<Guests::Guest*> Guests::add(const Request& request, std::variant<Machine, Attached> kind) {
  if (find(request.name) != nullptr) {
    return fail(Errc::kConflict, fmt::format("guest '{}' exists already", request.name.text()));
  }
  if (guests_.size() >= ENFORCER_MAX_GUESTS) {
    return fail(Errc::kUnavailable, fmt::format("there are {} guests, which is the limit", guests_.size()));
  }
  std::set<IpAddress> in_use;
  for (const auto& [other, guest] : guests_) in_use.insert(guest.record.ipv4);
  const Slot slot = TRY(records_.next_slot());
  const IpAddress ipv4 = TRY(plan_.guest_ipv4(slot, in_use));
  const host::GuestAddresses addresses = TRY(host::addresses_of(plan_, slot, ipv4));
  Guest guest{.record = {.slot = slot,
                         .epoch = random_epoch(),
                         .name = request.name,
                         .labels = request.labels,
                         .owner = request.owner,
                         .created = seconds_since_1970(),
                         .ipv4 = addresses.ipv4,
                         .ipv6 = addresses.ipv6,
                         .interface_index = 0,
                         .kind = std::move(kind)},
              .addresses = addresses};
  return &guests_.emplace(slot, std::move(guest)).first->second;
}

void Guests::create_now(const CreateGuest& request) {
  const auto plan = host::plan_accelerator(choice(), memory_file());
  if (!plan) return reply(request.request, std::unexpected(plan.error()));
  const auto added = add(request, Machine{.image = request.image,
                                          .memory_mib = request.memory_mib,
                                          .cpus = request.cpus,
                                          .disk_mib = request.disk_mib,
                                          .owner_group = request.owner_group,
                                          .accelerator = std::string(host::to_string(plan->use)),
                                          .lifetime = request.ephemeral ? Machine::Lifetime::kOneCommand
                                                                        : Machine::Lifetime::kUntilDeleted,
                                          .workspaces = folders_of(request)});
  if (!added) return reply(request.request, std::unexpected(added.error()));
  Guest& guest = **added;
  guest.boot = Boot{.deadline = Deadline::after({}),
                    .plan = *plan,
                    .attempts_left = kBootAttempts,
                    .request = request.request,
                    .warning = plan->reason};
  if (const auto made = make_machine(guest); !made) {
    guest.boot.reset();
    drop(guest.record.slot, "deleted");
    reply(request.request, made);
  }
}

void Guests::attach(const AttachGuest& request) {
  const auto added = add(request, Attached{.path = request.netns, .netns = {}, .eth_index = 0});
  if (!added) return reply(request.request, std::unexpected(added.error()));
  const Slot slot = (*added)->record.slot;
  const auto made = make_attached(**added);
  if (!made) drop(slot, "deleted");
  reply(request.request, made);
}

Result<> Guests::require_unused(const host::NetnsId& netns) const {
  if (netns == network_.gateway.netns().id()) return fail(Errc::kConflict, "that is the gateway namespace");
  for (const auto& [slot, guest] : guests_) {
    const auto* attached = std::get_if<Attached>(&guest.record.kind);
    if ((attached != nullptr && attached->netns == netns) || (guest.netns && guest.netns->id() == netns)) {
      return fail(Errc::kConflict, fmt::format("the namespace belongs to guest '{}'", guest.record.name.text()));
    }
  }
  return {};
}

Result<> Guests::make_attached(Guest& guest) {
  auto& attached = std::get<Attached>(guest.record.kind);
  // The namespace is open only in here: holding it would keep it alive after its last process.
  const host::Netns netns = TRY(host::Netns::open(attached.path));
  TRY_VOID(require_unused(netns.id()));
  TRY_VOID(host::require_empty(netns));
  attached.netns = netns.id();
  guest.wire = TRY(host::GuestLink::make(network_, guest.addresses, netns, 0));
  guest.record.interface_index = guest.wire->index();
  // enforcerd must know the guest before the guest can send.
  TRY_VOID(announce(guest));
  attached.eth_index = TRY(host::configure_attached(netns, guest.addresses));
  if (TRY(host::inspect_attached(netns, attached.eth_index)) != host::SideState::kAlone) {
    return fail(Errc::kConflict, "another interface appeared in the namespace while it was being attached");
  }
  return records_.save(guest.record);
}

void Guests::remove(const DeleteGuest& request) {
  // One that waits for its image has no slot yet: with a slot another one is meant, which had that name.
  if (request.slot == Slot{0} && forget_waiting(request.name)) return reply(request.request, {});
  const Guest* guest = find(request.name);
  if (guest == nullptr) {
    return reply(request.request, fail(Errc::kNotFound, fmt::format("there is no guest '{}'", request.name.text())));
  }
  // Its predecessor is meant, which ended while the request was on its way.
  if (request.slot != Slot{0} && request.slot != guest->record.slot) {
    return reply(
        request.request,
        fail(Errc::kNotFound, fmt::format("guest '{}' has ended: another one has its name now", request.name.text())));
  }
  drop(guest->record.slot, "deleted");
  reply(request.request, {});
}

void Guests::label(const hostproto::LabelGuest& request) {
  const auto found = find_boot(request.slot, request.epoch);
  if (!found) return reply(request.request, std::unexpected(found.error()));
  Guest& guest = **found;
  Labels labels = guest.record.labels;
  for (const std::string& key : request.remove) labels.erase(key);
  for (const auto& [key, value] : request.set) labels.insert_or_assign(key, value);
  if (labels.size() > hostproto::kMaxLabels) {
    return reply(request.request, fail(Errc::kInvalid, fmt::format("it would have {} labels, and {} is the limit",
                                                                   labels.size(), hostproto::kMaxLabels)));
  }
  // On record first: policies that select by a label which a restart forgets would be in force for as long as we run.
  std::swap(guest.record.labels, labels);
  if (const auto saved = records_.save(guest.record); !saved) {
    std::swap(guest.record.labels, labels);
    return reply(request.request, saved);
  }
  if (guest.announced) outbox_(notice_of(guest), {});
  reply(request.request, {});
}

hostproto::Guest Guests::notice_of(const Guest& guest) {
  const GuestRecord& record = guest.record;
  hostproto::Guest notice{.slot = record.slot,
                          .epoch = record.epoch,
                          .name = record.name,
                          .labels = record.labels,
                          .owner = record.owner,
                          .kind = "attached",
                          .state = "running",
                          .image = {},
                          .accelerator = {},
                          .interface_index = record.interface_index,
                          .ipv4 = record.ipv4,
                          .ipv6 = record.ipv6,
                          .created = record.created,
                          .ephemeral = false};
  if (const auto* machine = std::get_if<Machine>(&record.kind)) {
    notice.kind = "microvm";
    notice.state = machine->state == Machine::State::kPaused    ? "paused"
                   : machine->state == Machine::State::kRunning ? "running"
                                                                : "booting";
    notice.image = machine->image;
    notice.accelerator = machine->accelerator;
    notice.ephemeral = machine->lifetime == Machine::Lifetime::kOneCommand;
  }
  return notice;
}

Result<> Guests::announce(Guest& guest) {
  std::vector<Fd> channels;
  if (guest.vm) {
    for (std::size_t channel = 0; channel < hostproto::kExecChannels; ++channel) {
      channels.push_back(TRY(guest.vm->connect_exec(channel)));
    }
    channels.push_back(TRY(guest.vm->connect_console()));
  }
  outbox_(notice_of(guest), channels);
  guest.announced = true;
  return {};
}

void Guests::announce_all() {
  for (auto& [slot, guest] : guests_) {
    const auto announced = announce(guest);
    if (announced) continue;
    // Its QEMU is ending and the poll loop is about to see that, or its channels are out of order: it exists all the
    // same, and one that is not announced loses its CA and its addresses.
    log_warning("guest {}: {}", guest.record.name.text(), announced.error().message);
    outbox_(notice_of(guest), {});
    guest.announced = true;
  }
}

void Guests::forget_requests() {
  waiting_.clear();
  for (auto& [slot, guest] : guests_) {
    if (guest.boot) guest.boot->request.reset();
    if (guest.pause) {
      guest.pause->freezes.clear();
      guest.pause->thaws.clear();
    }
  }
  thaw_all();
}

void Guests::reply(std::uint64_t request, const Result<>& outcome, std::string warning) {
  hostproto::Reply message{.request = request, .error = {}, .warning = std::move(warning)};
  if (!outcome) message.error = outcome.error();
  outbox_(message, {});
}

void Guests::event(std::string name, Slot slot, std::string detail) {
  log_warning("{}: {}", name, detail);
  outbox_(hostproto::Event{.name = std::move(name), .slot = slot, .detail = std::move(detail)}, {});
}

void Guests::drop(Slot slot, std::string why) {
  Guest& guest = guests_.at(slot);
  // enforcerd hears of it first: what it still sends to the guest would fail when the link is gone, and be recorded as
  // the guest's doing.
  if (guest.announced) {
    log_info("guest {} is gone: {}", guest.record.name.text(), why);
    outbox_(hostproto::GuestGone{.slot = slot, .why = std::move(why)}, {});
  }
  // Link first. A microVM's pair ends with its namespace; the namespace of an attached guest lives on without our link.
  const bool machine = std::holds_alternative<Machine>(guest.record.kind);
  if (guest.wire) {
    const auto ends = machine && guest.vm ? host::GuestLink::PairEnds::kWithNamespace : host::GuestLink::PairEnds::kNow;
    if (const auto removed = guest.wire->remove(network_, ends); !removed) log_warning("{}", removed.error().message);
  }
  if (machine) end_machine(guest);
  records_.remove(slot);
  if (guest.boot && guest.boot->request) {
    reply(*guest.boot->request, fail(Errc::kConflict, "the guest was deleted while it booted"));
  }
  if (guest.pause) {
    const Result<> ended = fail(Errc::kNotFound, "the guest has ended");
    answer_all(guest.pause->freezes, ended);
    answer_all(guest.pause->thaws, ended);
  }
  guests_.erase(slot);
}

}  // namespace enforcer::hostd
