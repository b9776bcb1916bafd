// What the daemon says: answers out, requests in.
#include "control/json.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <ctime>

#include "base/time_text.h"
#include "control/json_object.h"

namespace enforcer::control {
namespace {

using nlohmann::json;

json to_json(const Problem& problem) {
  return {{"file", problem.file}, {"line", problem.line},         {"column", problem.column},
          {"code", problem.code}, {"severity", problem.severity}, {"message", problem.message},
          {"hint", problem.hint}, {"page", problem.page},         {"text", problem.text}};
}

json to_json(const std::vector<Problem>& problems) {
  json list = json::array();
  for (const Problem& problem : problems) list.push_back(to_json(problem));
  return list;
}

std::string address_text(const IpAddress& address) {
  return address == IpAddress{} ? "" : address.to_string();
}

json to_json(const GuestDecisions& decisions) {
  return {{"allowed", decisions.allowed}, {"denied", decisions.denied}, {"held", decisions.held}};
}

json to_json(const GuestInfo& guest) {
  const auto& since = guest.paused_since;
  return {{"name", guest.name.text()},
          {"labels", json(guest.labels)},
          {"kind", guest.kind},
          {"state", guest.state},
          {"image", guest.image},
          {"accelerator", guest.accelerator},
          {"slot", static_cast<std::uint32_t>(guest.slot)},
          {"epoch", to_string(guest.epoch)},
          {"ipv4", address_text(guest.ipv4)},
          {"ipv6", address_text(guest.ipv6)},
          {"paused_since", since ? format_time(*since) : ""},
          {"owner", guest.owner},
          {"created", guest.created ? format_time(*guest.created) : ""},
          {"policies", json(guest.policies)},
          {"decisions", to_json(guest.decisions)},
          {"connections", guest.connections}};
}

struct CodeName {
  Errc code;
  unsigned status;
  std::string_view label;
};
constexpr std::array kCodes = {
    CodeName{Errc::kInvalid, 400, "invalid"},
    CodeName{Errc::kNotFound, 404, "not_found"},
    CodeName{Errc::kConflict, 409, "conflict"},
    CodeName{Errc::kDenied, 403, "denied"},
    CodeName{Errc::kUnavailable, 503, "unavailable"},
    CodeName{Errc::kTimeout, 504, "timeout"},
    CodeName{Errc::kIo, 500, "io"},
};

const CodeName& entry_of(Errc code) {
  for (const CodeName& entry : kCodes) {
    if (entry.code == code) return entry;
  }
  return kCodes.back();
}

Workspace workspace_from(ObjectReader& reader) {
  Workspace workspace{.path = reader.text("path")};
  const std::string access = reader.text_or("access", "rw");
  if (access == "ro") workspace.access = Workspace::Access::kReadOnly;
  if (access != "ro" && access != "rw") reader.refuse("access", "is neither \"rw\" nor \"ro\"");
  if (const auto good = hostproto::check_workspace_path(workspace.path); !good) {
    reader.refuse("path", fmt::format("is wrong: {}", good.error().message));
  }
  return workspace;
}

/// What a request says of them; absent: none.
Result<std::vector<Workspace>> workspaces_from(ObjectReader& reader) {
  std::vector<Workspace> workspaces;
  for (const json& entry : reader.array_or_none("workspaces")) {
    if (!entry.is_object()) return fail(Errc::kInvalid, "field \"workspaces\" has an entry that is not an object");
    ObjectReader one(entry);
    Workspace workspace = workspace_from(one);
    if (const auto good = one.finish_strictly(); !good) return fail_in("field \"workspaces\"", good.error());
    workspaces.push_back(std::move(workspace));
  }
  if (const auto good = hostproto::check_workspaces(workspaces); !good) {
    reader.refuse("workspaces", fmt::format("is wrong: {}", good.error().message));
  }
  return workspaces;
}

}  // namespace

unsigned http_status_of(Errc code) {
  return entry_of(code).status;
}

std::string_view label(Errc code) {
  return entry_of(code).label;
}

std::string format_time(WallClock::time_point t) {
  return utc_text(t);
}

Result<WallClock::time_point> parse_time(std::string_view text) {
  std::tm parts{};
  int millis = 0;
  int used = 0;
  const std::string copy(text);
  const int fields = std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &parts.tm_year, &parts.tm_mon,
                                 &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &millis, &used);
  const auto malformed = fail(Errc::kInvalid, "a time is written YYYY-MM-DDTHH:MM:SS.mmmZ, from 1970 to 2261");
  // Nanoseconds since 1970 fit into 64 bits until 2262.
  if (fields != 7 || static_cast<std::size_t>(used) != text.size() || parts.tm_year < 1970 || parts.tm_year > 2261) {
    return malformed;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const auto time = WallClock::from_time_t(timegm(&parts)) + std::chrono::milliseconds(millis);
  if (format_time(time) != text) return malformed;  // a 31st of February, a sign, a space
  return time;
}

std::string encode_status(const Status& status) {
  json answer = answer_object();
  answer["version"] = status.version;
  answer["instance"] = status.instance;
  answer["running"] = true;
  answer["uptime_seconds"] = status.uptime.count();
  answer["workers"] = status.workers;
  answer["generation"] = status.generation;
  answer["last_reload"] = {{"successful", status.last_reload.successful},
                           {"time", format_time(status.last_reload.time)},
                           {"error", status.last_reload.error}};
  answer["guests"] = {
      {"running", status.guests_running}, {"booting", status.guests_booting}, {"paused", status.guests_paused}};
  answer["connections"] = status.connections;
  answer["reviews"] = {{"pending", status.reviews_pending}, {"watching", status.watching_reviews}};
  answer["hostd"] = {{"connected", status.hostd_connected}};
  answer["datapath"] = {{"attach_mode", status.attach_mode}};
  answer["accelerator"] = status.accelerator;
  answer["audit"] = {{"healthy", status.audit.healthy},
                     {"path", status.audit.path},
                     {"events", status.audit.events},
                     {"write_errors", status.audit.write_errors}};
  return dump(answer);
}

std::string encode_version(const Status& status) {
  json answer = answer_object();
  answer["version"] = status.version;
  answer["instance"] = status.instance;
  return dump(answer);
}

std::string encode_load(const LoadAnswer& load) {
  json answer = answer_object();
  answer["loaded"] = load.loaded;
  answer["generation"] = load.generation;
  answer["guests"] = load.guests;
  answer["diagnostics"] = to_json(load.problems);
  return dump(answer);
}

std::string encode_load_error(const LoadAnswer& load) {
  json answer = answer_object();
  const auto errors = std::ranges::count(load.problems, "error", &Problem::severity);
  answer["error"] = {{"code", "policy_invalid"},
                     {"message", fmt::format("the policies do not load ({} error{}); generation {} stays in force",
                                             errors, errors == 1 ? "" : "s", load.generation)},
                     {"diagnostics", to_json(load.problems)}};
  answer["generation"] = load.generation;
  return dump(answer);
}

std::string encode_guest(const GuestAnswer& guest) {
  json answer = answer_object();
  answer["guest"] = to_json(guest.guest);
  answer["warning"] = guest.warning;
  return dump(answer);
}

std::string encode_guests(const std::vector<GuestInfo>& guests) {
  json answer = answer_object();
  json& list = answer["guests"] = json::array();
  for (const GuestInfo& guest : guests) list.push_back(to_json(guest));
  return dump(answer);
}

std::string encode_authority(const AuthorityInfo& authority) {
  json answer = answer_object();
  answer["ca"] = {{"subject", authority.subject},
                  {"fingerprint_sha256", authority.fingerprint},
                  {"not_before", format_time(authority.not_before)},
                  {"not_after", format_time(authority.not_after)},
                  {"pem", authority.pem}};
  return dump(answer);
}

std::string encode_done() {
  return dump(answer_object());
}

std::string encode_error(std::string_view code, std::string_view message) {
  json answer = answer_object();
  answer["error"] = {{"code", code}, {"message", message}};
  return dump(answer);
}

Result<std::vector<Document>> decode_documents(std::string_view text) {
  const json body = TRY(parse_object(text));
  ObjectReader reader(body);
  std::vector<Document> documents;
  for (const json& entry : reader.array("files")) {
    if (!entry.is_object()) return fail(Errc::kInvalid, "field \"files\" has an entry that is not an object");
    ObjectReader file(entry);
    Document document{.name = file.text("name"), .text = file.text("text")};
    TRY_VOID(file.finish_strictly());
    documents.push_back(std::move(document));
  }
  TRY_VOID(reader.finish_strictly());
  if (documents.empty()) return fail(Errc::kInvalid, "field \"files\" is empty: nothing to apply");
  return documents;
}

Result<std::chrono::seconds> decode_pause(std::string_view text) {
  const json body = TRY(parse_object(text));
  ObjectReader reader(body);
  constexpr auto kMost = static_cast<std::uint64_t>(kMaxPause.count());
  const auto most = reader.number_or("most_seconds", kMost, 1, kMost);
  TRY_VOID(reader.finish_strictly());
  return std::chrono::seconds(most);
}

Result<CreateGuest> decode_create(std::string_view text) {
  const json body = TRY(parse_object(text));
  ObjectReader reader(body);
  auto name = reader.guest_name("name");
  auto labels = reader.labels_or_none("labels");
  auto image = reader.text_or("image", "mini");
  // hostd checks the bounds of a microVM too; here they make a better message.
  const auto memory = reader.number_or("memory_mib", 0, 0, hostproto::kMostMemoryMib);
  if (memory != 0 && memory < hostproto::kLeastMemoryMib) {
    reader.refuse("memory_mib", fmt::format("is neither 0 nor between {} and {}", hostproto::kLeastMemoryMib,
                                            hostproto::kMostMemoryMib));
  }
  const auto cpus = reader.number_or("cpus", 1, 1, hostproto::kMostCpus);
  const auto disk =
      reader.number_or("disk_mib", hostproto::kDiskMib, hostproto::kLeastDiskMib, hostproto::kMostDiskMib);
  auto workspaces = TRY(workspaces_from(reader));
  const bool ephemeral = reader.flag_or_false("ephemeral");
  TRY_VOID(reader.finish_strictly());
  return CreateGuest{.name = *std::move(name),
                     .labels = std::move(labels),
                     .image = std::move(image),
                     .memory_mib = static_cast<std::uint32_t>(memory),
                     .cpus = static_cast<std::uint32_t>(cpus),
                     .disk_mib = static_cast<std::uint32_t>(disk),
                     .workspaces = std::move(workspaces),
                     .ephemeral = ephemeral};
}

Result<AttachGuest> decode_attach(std::string_view text, GuestName name) {
  const json body = TRY(parse_object(text));
  ObjectReader reader(body);
  auto labels = reader.labels_or_none("labels");
  auto netns = reader.text("netns");
  if (!netns.starts_with('/')) reader.refuse("netns", "is not an absolute path");
  TRY_VOID(reader.finish_strictly());
  return AttachGuest{.name = std::move(name), .labels = std::move(labels), .netns = std::move(netns)};
}

}  // namespace enforcer::control
