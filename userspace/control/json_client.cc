// What the tool says: requests out, answers in.
#include <fmt/format.h>

#include <limits>

#include "base/text.h"
#include "control/json.h"
#include "control/json_object.h"

namespace enforcer::control {
namespace {

using nlohmann::json;

/// "" and absent are none.
std::optional<WallClock::time_point> time_or_none(ObjectReader& reader, const char* name) {
  const std::string text = reader.text_or(name, "");
  if (text.empty()) return std::nullopt;
  const auto time = parse_time(text);
  if (time) return *time;
  reader.refuse(name, time.error().message);
  return std::nullopt;
}

std::vector<std::string> texts_from(ObjectReader& reader, const char* name) {
  std::vector<std::string> texts;
  for (const json& entry : reader.array(name)) {
    if (entry.is_string()) {
      texts.push_back(entry.get<std::string>());
    } else {
      reader.refuse(name, "has an entry that is no text");
    }
  }
  return texts;
}

Result<GuestDecisions> decisions_from(const json& entry) {
  ObjectReader reader(entry);
  const GuestDecisions decisions{.allowed = reader.number("allowed", 0, kAny),
                                 .denied = reader.number("denied", 0, kAny),
                                 .held = reader.number("held", 0, kAny)};
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return decisions;
}

Result<GuestInfo> guest_from(const json& entry) {
  ObjectReader reader(entry);
  auto name = reader.guest_name("name");
  const auto epoch = parse_epoch(reader.text("epoch"));
  if (!epoch) reader.refuse("epoch", epoch.error().message);
  auto labels = reader.labels_or_none("labels");
  auto kind = reader.text("kind");
  auto state = reader.text("state");
  auto image = reader.text("image");
  auto accelerator = reader.text("accelerator");
  const auto slot = reader.number("slot", 0, kAny32);
  const auto ipv4 = reader.address("ipv4");
  const auto ipv6 = reader.address("ipv6");
  const auto paused_since = time_or_none(reader, "paused_since");
  const auto owner = static_cast<uid_t>(reader.number_or("owner", 0, 0, kAny32));
  const auto created = time_or_none(reader, "created");
  std::vector<std::string> policies;
  GuestDecisions decisions;
  if (entry.contains("policies")) policies = texts_from(reader, "policies");
  if (entry.contains("decisions")) decisions = TRY(decisions_from(reader.object("decisions")));
  const auto connections = reader.number_or("connections", 0, 0, kAny);
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return GuestInfo{.name = *std::move(name),
                   .labels = std::move(labels),
                   .kind = std::move(kind),
                   .state = std::move(state),
                   .image = std::move(image),
                   .accelerator = std::move(accelerator),
                   .slot = Slot{static_cast<std::uint32_t>(slot)},
                   .epoch = *epoch,
                   .ipv4 = ipv4,
                   .ipv6 = ipv6,
                   .paused_since = paused_since,
                   .owner = owner,
                   .created = created,
                   .policies = std::move(policies),
                   .decisions = decisions,
                   .connections = connections};
}

Problem problem_from(const json& entry) {
  ObjectReader reader(entry);
  return Problem{.file = reader.text("file"),
                 .line = static_cast<int>(reader.number("line", 0, 1 << 30)),
                 .column = static_cast<int>(reader.number("column", 0, 1 << 30)),
                 .code = reader.text("code"),
                 .severity = reader.text("severity"),
                 .message = reader.text("message"),
                 .hint = reader.text("hint"),
                 .text = reader.text("text"),
                 .page = reader.text_or("page", "")};
}

Errc code_named(std::string_view name) {
  for (const Errc code : {Errc::kInvalid, Errc::kNotFound, Errc::kConflict, Errc::kDenied, Errc::kUnavailable,
                          Errc::kTimeout, Errc::kIo}) {
    if (label(code) == name) return code;
  }
  return Errc::kIo;
}

}  // namespace

Result<Status> decode_status(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  Status status;
  status.version = reader.text("version");
  status.instance = reader.text("instance");
  status.uptime = std::chrono::seconds(reader.number("uptime_seconds", 0, std::numeric_limits<std::int64_t>::max()));
  status.workers = static_cast<std::uint32_t>(reader.number("workers", 0, kAny32));
  status.generation = reader.number("generation", 0, kAny);
  status.connections = reader.number("connections", 0, kAny);
  status.accelerator = reader.text("accelerator");
  ObjectReader reload(reader.object("last_reload"));
  status.last_reload.successful = reload.flag("successful");
  status.last_reload.error = reload.text("error");
  const auto time = parse_time(reload.text("time"));
  if (!time) reload.refuse("time", time.error().message);
  ObjectReader guests(reader.object("guests"));
  status.guests_running = static_cast<std::uint32_t>(guests.number("running", 0, kAny32));
  status.guests_booting = static_cast<std::uint32_t>(guests.number("booting", 0, kAny32));
  status.guests_paused = static_cast<std::uint32_t>(guests.number_or("paused", 0, 0, kAny32));
  ObjectReader hostd(reader.object("hostd"));
  status.hostd_connected = hostd.flag("connected");
  ObjectReader datapath(reader.object("datapath"));
  status.attach_mode = datapath.text("attach_mode");
  ObjectReader audit(reader.object("audit"));
  status.audit.healthy = audit.flag("healthy");
  status.audit.path = audit.text("path");
  status.audit.events = audit.number("events", 0, kAny);
  status.audit.write_errors = audit.number("write_errors", 0, kAny);
  for (const ObjectReader* part : {&reader, &reload, &guests, &hostd, &datapath, &audit}) {
    if (const auto good = part->finish(); !good) return not_understood(good.error());
  }
  status.last_reload.time = *time;
  return status;
}

Result<LoadAnswer> decode_load(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  LoadAnswer answer;
  answer.generation = reader.number("generation", 0, kAny);
  answer.guests = static_cast<std::uint32_t>(reader.number_or("guests", 0, 0, kAny32));
  const bool failed = body.contains("error");
  ObjectReader error(failed ? reader.object("error") : body);
  if (!failed) answer.loaded = reader.flag("loaded");
  for (const json& entry : error.array("diagnostics")) {
    if (entry.is_object()) answer.problems.push_back(problem_from(entry));
  }
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return answer;
}

Result<GuestAnswer> decode_guest(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  auto guest = TRY(guest_from(reader.object("guest")));
  return GuestAnswer{.guest = std::move(guest), .warning = reader.text_or("warning", "")};
}

Result<std::vector<GuestInfo>> decode_guests(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  std::vector<GuestInfo> guests;
  for (const json& entry : reader.array("guests")) guests.push_back(TRY(guest_from(entry)));
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return guests;
}

Result<AuthorityInfo> decode_authority(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  ObjectReader ca(reader.object("ca"));
  AuthorityInfo authority{.pem = ca.text("pem"),
                          .subject = ca.text("subject"),
                          .fingerprint = ca.text("fingerprint_sha256"),
                          .not_before = {},
                          .not_after = {}};
  const auto not_before = parse_time(ca.text("not_before"));
  if (!not_before) ca.refuse("not_before", not_before.error().message);
  const auto not_after = parse_time(ca.text("not_after"));
  if (!not_after) ca.refuse("not_after", not_after.error().message);
  for (const ObjectReader* part : {&reader, &ca}) {
    if (const auto good = part->finish(); !good) return not_understood(good.error());
  }
  authority.not_before = *not_before;
  authority.not_after = *not_after;
  return authority;
}

Error decode_error(unsigned http_status, std::string_view text) {
  const auto body = parse_object(text);
  if (body && body->contains("error")) {
    const json& inner = body->at("error");
    ObjectReader reader(inner.is_object() ? inner : *body);
    const std::string code = reader.text("code");
    const std::string message = reader.text("message");
    if (reader.finish()) return Error{code_named(code), message};
  }
  return Error{Errc::kIo, fmt::format("the daemon answered {}: {}", http_status, escape_untrusted(text, 200))};
}

std::string encode_documents(const std::vector<Document>& documents) {
  json files = json::array();
  for (const Document& document : documents) files.push_back({{"name", document.name}, {"text", document.text}});
  return dump({{"files", std::move(files)}});
}

std::string encode_create(const CreateGuest& request) {
  json workspaces = json::array();
  for (const Workspace& workspace : request.workspaces) {
    workspaces.push_back({{"path", workspace.path}, {"access", hostproto::label(workspace.access)}});
  }
  return dump({{"name", request.name.text()},
               {"labels", json(request.labels)},
               {"image", request.image},
               {"memory_mib", request.memory_mib},
               {"cpus", request.cpus},
               {"disk_mib", request.disk_mib},
               {"workspaces", std::move(workspaces)},
               {"ephemeral", request.ephemeral}});
}

std::string encode_pause(std::chrono::seconds most) {
  return dump({{"most_seconds", most.count()}});
}

std::string encode_attach(const AttachGuest& request) {
  return dump({{"labels", json(request.labels)}, {"netns", request.netns}});
}

}  // namespace enforcer::control
