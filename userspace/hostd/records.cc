#include "hostd/records.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/log.h"
#include "hostproto/messages.h"

namespace enforcer::hostd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint32_t kMaxSlot = 0xffffff;
constexpr std::size_t kMaxFile = std::size_t{1} << 20;

json to_json(const std::vector<SharedFolder>& folders) {
  json list = json::array();
  for (const SharedFolder& folder : folders) {
    list.push_back({{"path", folder.workspace.path},
                    {"access", hostproto::label(folder.workspace.access)},
                    {"pid", folder.pid},
                    {"start_time", folder.start_time}});
  }
  return list;
}

json to_json(const Machine& machine) {
  return {{"image", machine.image},
          {"memory_mib", machine.memory_mib},
          {"cpus", machine.cpus},
          {"disk_mib", machine.disk_mib},
          {"owner_group", machine.owner_group},
          {"accelerator", machine.accelerator},
          {"running", machine.state != Machine::State::kBooting},
          {"paused", machine.state == Machine::State::kPaused},
          {"pid", machine.pid},
          {"start_time", machine.start_time},
          {"ephemeral", machine.lifetime == Machine::Lifetime::kOneCommand},
          {"workspaces", to_json(machine.workspaces)},
          {"cgroups", machine.cgroups}};
}

json to_json(const Attached& attached) {
  return {{"path", attached.path},
          {"netns_device", attached.netns.device},
          {"netns_inode", attached.netns.inode},
          {"eth_index", attached.eth_index}};
}

std::string to_text(const GuestRecord& record) {
  json object{{"slot", record.slot},
              {"epoch", to_string(record.epoch)},
              {"name", record.name.text()},
              {"labels", json::object()},
              {"owner", record.owner},
              {"created", record.created},
              {"ipv4", record.ipv4.to_string()},
              {"ipv6", record.ipv6.to_string()},
              {"interface_index", record.interface_index}};
  for (const auto& [key, value] : record.labels) object["labels"][key] = value;
  if (const auto* machine = std::get_if<Machine>(&record.kind)) object["machine"] = to_json(*machine);
  if (const auto* attached = std::get_if<Attached>(&record.kind)) object["attached"] = to_json(*attached);
  return object.dump(2, ' ', false, json::error_handler_t::replace);
}

Machine::State state_of(const json& machine) {
  if (machine.at("paused").get<bool>()) return Machine::State::kPaused;
  return machine.at("running").get<bool>() ? Machine::State::kRunning : Machine::State::kBooting;
}

Machine::Lifetime lifetime_of(const json& machine) {
  // Absent in what a hostd wrote that knew of no such guests; they run on over an update.
  return machine.value("ephemeral", false) ? Machine::Lifetime::kOneCommand : Machine::Lifetime::kUntilDeleted;
}

std::vector<SharedFolder> folders_of(const json& list) {
  using enum hostproto::Workspace::Access;
  std::vector<SharedFolder> folders;
  for (const json& entry : list) {
    const bool read_only = entry.at("access").get<std::string>() == hostproto::label(kReadOnly);
    folders.push_back({.workspace = {.path = entry.at("path"), .access = read_only ? kReadOnly : kReadWrite},
                       .pid = entry.at("pid"),
                       .start_time = entry.at("start_time")});
  }
  return folders;
}

std::variant<Machine, Attached> kind_of(const json& object) {
  if (const auto machine = object.find("machine"); machine != object.end()) {
    return Machine{.image = machine->at("image"),
                   .memory_mib = machine->at("memory_mib"),
                   .cpus = machine->at("cpus"),
                   .disk_mib = machine->value("disk_mib", hostproto::kDiskMib),
                   .owner_group = machine->value("owner_group", 0U),
                   .accelerator = machine->at("accelerator"),
                   .state = state_of(*machine),
                   .pid = machine->at("pid"),
                   .start_time = machine->at("start_time"),
                   .lifetime = lifetime_of(*machine),
                   .workspaces = folders_of(machine->value("workspaces", json::array())),
                   .cgroups = machine->value("cgroups", std::vector<std::string>{})};
  }
  const json& attached = object.at("attached");
  return Attached{.path = attached.at("path"),
                  .netns = {attached.at("netns_device"), attached.at("netns_inode")},
                  .eth_index = attached.at("eth_index")};
}

Result<GuestRecord> read_record(const std::string& path) {
  const std::string text = TRY(read_file(path, kMaxFile, LastLink::kRefuse));
  try {
    const json object = json::parse(text);
    GuestRecord record{.slot = Slot{object.at("slot").get<std::uint32_t>()},
                       .epoch = TRY(parse_epoch(object.at("epoch").get<std::string>())),
                       .name = TRY(GuestName::parse(object.at("name").get<std::string>())),
                       .labels = {},
                       .owner = object.at("owner"),
                       .created = object.value("created", std::uint64_t{0}),  // its guest outlives an upgrade
                       .ipv4 = TRY(IpAddress::parse(object.at("ipv4").get<std::string>())),
                       .ipv6 = TRY(IpAddress::parse(object.at("ipv6").get<std::string>())),
                       .interface_index = object.at("interface_index"),
                       .kind = kind_of(object)};
    for (const auto& [key, value] : object.at("labels").items()) record.labels.emplace(key, value.get<std::string>());
    return record;
  } catch (const json::exception& broken) {
    return fail(Errc::kInvalid, broken.what());
  }
}

}  // namespace

Result<Records> Records::open(std::string folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(fmt::format("cannot make {}", folder));
  struct stat status{};
  if (lstat(folder.c_str(), &status) != 0) return fail_errno(folder);
  if (!S_ISDIR(status.st_mode) || status.st_uid != 0 || (status.st_mode & 077) != 0) {
    return fail(Errc::kDenied, fmt::format("{} must be a folder of root's with mode 0700", folder));
  }
  Fd lock(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.valid()) return fail_errno(folder + "/lock");
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Errc::kConflict,
                fmt::format("another enforcer-hostd runs for this instance ({}/lock is held)", folder));
  }
  return Records(std::move(folder), std::move(lock));
}

std::string Records::file_of(Slot slot) const {
  return fmt::format("{}/guest-{}.json", folder_, static_cast<std::uint32_t>(slot));
}

Result<Slot> Records::next_slot() {
  const std::string path = folder_ + "/last-slot";
  std::uint32_t last = 0;
  if (const auto text = read_file(path, kMaxFile, LastLink::kRefuse)) {
    const auto [end, status] = std::from_chars(text->data(), text->data() + text->size(), last);
    if (status != std::errc{} || end != text->data() + text->size()) {
      return fail(Errc::kIo, fmt::format("{} does not hold a number", path));
    }
  } else if (text.error().code != Errc::kNotFound) {
    return std::unexpected(text.error());
  }
  if (last >= kMaxSlot) {
    return fail(Errc::kUnavailable, "all 16,777,215 guest numbers were used: run 'enforcer-hostd --teardown'");
  }
  TRY_VOID(write_atomically(path, fmt::format("{}", last + 1), 0600, Survives::kHost));
  return Slot{last + 1};
}

Result<> Records::save(const GuestRecord& record) {
  // No guest survives its host, so that there is no disk to be waited for while one stands still.
  return write_atomically(file_of(record.slot), to_text(record), 0600, Survives::kProgram);
}

void Records::remove(Slot slot) {
  unlink(file_of(slot).c_str());
}

std::vector<GuestRecord> Records::load() {
  std::vector<GuestRecord> records;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("guest-") || !name.ends_with(".json")) continue;
    if (auto record = read_record(entry.path()); record && file_of(record->slot) == entry.path()) {
      records.push_back(*std::move(record));
      continue;
    }
    log_warning("{} is broken: removed, and its guest with it", entry.path().string());
    unlink(entry.path().c_str());
  }
  return records;
}

}  // namespace enforcer::hostd
