// The codecs: one pair of functions for each message, in the order of messages.h. A decoder lists its fields; Fields
// sees to types, ranges and everything superfluous.
#include "hostproto/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/ascii.h"
#include "hostproto/fields.h"

namespace enforcer::hostproto {
namespace {

using nlohmann::json;

constexpr auto kAnyNumber = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kLatestTime = 9'214'646'399;  // the end of 2261: WallClock counts nanoseconds in 64 bits
constexpr std::uint64_t kMaxListeners = 64;           // ENFORCER_MAX_WORKERS of the datapath
constexpr std::uint64_t kMaxPipes = 126;              // the kernel takes 253 descriptors beside one packet

/// The text must be one of `choices`; "" stands for "not a microVM" where it is offered.
std::string choice(Fields& fields, const char* name, std::initializer_list<std::string_view> choices) {
  std::string text = fields.text(name, 16);
  if (std::ranges::find(choices, text) == choices.end()) fields.refuse(name, "is none of its values");
  return text;
}

/// The name of an image becomes part of a path that root opens: one component, never hidden, never "..".
std::string image_name(Fields& fields, const char* name) {
  std::string text = fields.text(name, 64);
  const bool valid = !text.empty() && text.front() != '.' && std::ranges::all_of(text, [](char c) {
    return ascii::is_lower(c) || ascii::is_digit(c) || c == '-' || c == '_' || c == '.';
  });
  if (!valid) fields.refuse(name, "must be an image's name: a-z, 0-9, '-', '_' and '.'");
  return text;
}

/// What an event is called: it becomes a field of the audit log.
std::string event_name(Fields& fields, const char* name) {
  std::string text = fields.text(name, 64);
  if (text.empty() || !std::ranges::all_of(text, [](char c) { return ascii::is_lower(c) || c == '_'; })) {
    fields.refuse(name, "must be of a-z and '_'");
  }
  return text;
}

std::string absolute_path(Fields& fields, const char* name) {
  std::string text = fields.text(name, 255);
  if (text.empty() || text.front() != '/' || (text + '/').find("/../") != std::string::npos) {
    fields.refuse(name, "must be an absolute path without '..'");
  }
  return text;
}

/// The guest's name once the decoder has checked that nothing was wrong.
GuestName checked(std::optional<GuestName>& name) {
  ENFORCER_CHECK(name.has_value());
  return *std::move(name);
}

struct Encoder {
  json operator()(const Hello& m) const { return {{"type", "hello"}, {"version", m.version}}; }
  json operator()(const Ready&) const { return {{"type", "ready"}}; }
  json operator()(const Booted& m) const { return {{"type", "booted"}, {"slot", m.slot}}; }
  json operator()(const CreateGuest& m) const {
    return {{"type", "create_guest"},
            {"request", m.request},
            {"name", m.name.text()},
            {"labels", to_json(m.labels)},
            {"owner", m.owner},
            {"owner_group", m.owner_group},
            {"image", m.image},
            {"memory_mib", m.memory_mib},
            {"cpus", m.cpus},
            {"disk_mib", m.disk_mib},
            {"workspaces", to_json(m.workspaces)},
            {"ephemeral", m.ephemeral}};
  }
  json operator()(const AttachGuest& m) const {
    return {{"type", "attach_guest"},      {"request", m.request}, {"name", m.name.text()},
            {"labels", to_json(m.labels)}, {"owner", m.owner},     {"netns", m.netns}};
  }
  json operator()(const DeleteGuest& m) const {
    return {{"type", "delete_guest"}, {"request", m.request}, {"name", m.name.text()}, {"slot", m.slot}};
  }
  json operator()(const LabelGuest& m) const {
    return {{"type", "label_guest"},       {"request", m.request},  {"slot", m.slot},
            {"epoch", to_string(m.epoch)}, {"set", to_json(m.set)}, {"remove", m.remove}};
  }
  json operator()(const FreezeGuest& m) const {
    return {{"type", "freeze_guest"},
            {"request", m.request},
            {"slot", m.slot},
            {"epoch", to_string(m.epoch)},
            {"most", m.most.count()}};
  }
  json operator()(const ThawGuest& m) const {
    return {{"type", "thaw_guest"}, {"request", m.request}, {"slot", m.slot}, {"epoch", to_string(m.epoch)}};
  }
  json operator()(const Welcome& m) const {
    return {{"type", "welcome"},
            {"version", m.version},
            {"workers", m.workers},
            {"attach_mode", m.attach_mode},
            {"accelerator", m.accelerator},
            {"gateway_ipv4", m.gateway_ipv4.to_string()},
            {"gateway_ipv6", m.gateway_ipv6.to_string()}};
  }
  json operator()(const Pipes& m) const { return {{"type", "pipes"}, {"count", m.count}}; }
  json operator()(const Guest& m) const {
    return {{"type", "guest"},
            {"slot", m.slot},
            {"epoch", to_string(m.epoch)},
            {"name", m.name.text()},
            {"labels", to_json(m.labels)},
            {"owner", m.owner},
            {"kind", m.kind},
            {"state", m.state},
            {"image", m.image},
            {"accelerator", m.accelerator},
            {"interface_index", m.interface_index},
            {"ipv4", m.ipv4.to_string()},
            {"ipv6", m.ipv6.to_string()},
            {"created", m.created},
            {"ephemeral", m.ephemeral}};
  }
  json operator()(const Announced&) const { return {{"type", "announced"}}; }
  json operator()(const GuestGone& m) const {
    return {{"type", "guest_gone"}, {"slot", m.slot}, {"why", one_line(m.why)}};
  }
  json operator()(const Reply& m) const {
    json object{{"type", "reply"}, {"request", m.request}, {"warning", one_line(m.warning)}};
    if (m.error) object["error"] = to_json(*m.error);
    return object;
  }
  json operator()(const Event& m) const {
    return {{"type", "event"}, {"name", m.name}, {"slot", m.slot}, {"detail", one_line(m.detail)}};
  }
};

// Braces evaluate from left to right, and every temporary lives until finish() has had its say.
template <class Message>
using Decoder = Result<Message> (*)(Fields&);

Result<Request> decode_hello(Fields& f) {
  // Any version decodes: the answer to the wrong one is a sentence about versions, not about a field.
  const Hello message{.version = static_cast<int>(f.number("version", 0, 1'000'000))};
  TRY_VOID(f.finish());
  return message;
}

Result<Request> decode_ready(Fields& f) {
  TRY_VOID(f.finish());
  return Ready{};
}

Result<Request> decode_booted(Fields& f) {
  const Booted message{.slot = f.slot("slot")};
  TRY_VOID(f.finish());
  return message;
}

/// (uid_t)-1 is nobody's (chown(2)), and no group's.
std::uint32_t uid(Fields& f, const char* name) {
  return static_cast<std::uint32_t>(f.number(name, 0, 0xfffffffe));
}

Result<Request> decode_create_guest(Fields& f) {
  const auto request = f.number("request", 0, kAnyNumber);
  auto name = f.guest_name("name");
  Labels labels = f.labels("labels");
  const std::uint32_t owner = uid(f, "owner");
  const std::uint32_t group = uid(f, "owner_group");
  std::string image = image_name(f, "image");
  const auto memory = static_cast<std::uint32_t>(f.number("memory_mib", 0, kMostMemoryMib));
  if (memory != 0 && memory < kLeastMemoryMib)
    f.refuse("memory_mib", fmt::format("must be 0 or {}-{}", kLeastMemoryMib, kMostMemoryMib));
  const auto cpus = static_cast<std::uint32_t>(f.number("cpus", 1, kMostCpus));
  const auto disk = static_cast<std::uint32_t>(f.number("disk_mib", kLeastDiskMib, kMostDiskMib));
  std::vector<Workspace> workspaces = f.workspaces("workspaces");
  const bool ephemeral = f.flag("ephemeral");
  TRY_VOID(f.finish());
  return CreateGuest{request, checked(name), std::move(labels),     owner,    group, std::move(image), memory,
                     cpus,    disk,          std::move(workspaces), ephemeral};
}

Result<Request> decode_attach_guest(Fields& f) {
  const auto request = f.number("request", 0, kAnyNumber);
  auto name = f.guest_name("name");
  Labels labels = f.labels("labels");
  const std::uint32_t owner = uid(f, "owner");
  std::string netns = absolute_path(f, "netns");
  TRY_VOID(f.finish());
  return AttachGuest{request, checked(name), std::move(labels), owner, std::move(netns)};
}

Result<Request> decode_delete_guest(Fields& f) {
  const auto request = f.number("request", 0, kAnyNumber);
  auto name = f.guest_name("name");
  const Slot slot = f.slot("slot", 0);
  TRY_VOID(f.finish());
  return DeleteGuest{request, checked(name), slot};
}

Result<Request> decode_label_guest(Fields& f) {
  LabelGuest message{.request = f.number("request", 0, kAnyNumber),
                     .slot = f.slot("slot"),
                     .epoch = f.epoch("epoch"),
                     .set = f.labels("set"),
                     .remove = f.label_keys("remove")};
  for (const std::string& key : message.remove) {
    if (message.set.contains(key)) f.refuse("remove", "has a label that is also set");
  }
  TRY_VOID(f.finish());
  return message;
}

Result<Request> decode_freeze_guest(Fields& f) {
  const FreezeGuest message{.request = f.number("request", 0, kAnyNumber),
                            .slot = f.slot("slot"),
                            .epoch = f.epoch("epoch"),
                            .most = std::chrono::seconds(f.number("most", 1, kMaxFreeze.count()))};
  TRY_VOID(f.finish());
  return message;
}

Result<Request> decode_thaw_guest(Fields& f) {
  const ThawGuest message{
      .request = f.number("request", 0, kAnyNumber), .slot = f.slot("slot"), .epoch = f.epoch("epoch")};
  TRY_VOID(f.finish());
  return message;
}

Result<Notice> decode_welcome(Fields& f) {
  Welcome message;
  message.version = static_cast<int>(f.number("version", 0, 1'000'000));
  message.workers = static_cast<std::uint32_t>(f.number("workers", 1, kMaxListeners));
  message.attach_mode = choice(f, "attach_mode", {"tcx", "clsact"});
  message.accelerator = choice(f, "accelerator", {"kvm", "tcg", "unknown"});
  message.gateway_ipv4 = f.address("gateway_ipv4");
  message.gateway_ipv6 = f.address("gateway_ipv6");
  TRY_VOID(f.finish());
  return message;
}

Result<Notice> decode_pipes(Fields& f) {
  const Pipes message{.count = static_cast<std::uint32_t>(f.number("count", 1, kMaxPipes))};
  TRY_VOID(f.finish());
  return message;
}

Result<Notice> decode_guest(Fields& f) {
  const Slot slot = f.slot("slot");
  const Epoch epoch = f.epoch("epoch");
  auto name = f.guest_name("name");
  Labels labels = f.labels("labels");
  const std::uint32_t owner = uid(f, "owner");
  std::string kind = choice(f, "kind", {"microvm", "attached"});
  std::string state = choice(f, "state", {"booting", "running", "paused"});
  std::string image = f.text("image", 64);
  std::string accelerator = choice(f, "accelerator", {"", "kvm", "tcg"});
  const auto index = static_cast<std::uint32_t>(f.number("interface_index", 1, 0x7fffffff));
  const IpAddress ipv4 = f.address("ipv4");
  const IpAddress ipv6 = f.address("ipv6");
  const auto created = f.number("created", 0, kLatestTime);
  const bool ephemeral = f.flag("ephemeral");
  TRY_VOID(f.finish());
  return Guest{slot,
               epoch,
               checked(name),
               std::move(labels),
               owner,
               std::move(kind),
               std::move(state),
               std::move(image),
               std::move(accelerator),
               index,
               ipv4,
               ipv6,
               created,
               ephemeral};
}

Result<Notice> decode_announced(Fields& f) {
  TRY_VOID(f.finish());
  return Announced{};
}

Result<Notice> decode_guest_gone(Fields& f) {
  GuestGone message{.slot = f.slot("slot"), .why = f.line("why")};
  TRY_VOID(f.finish());
  return message;
}

Result<Notice> decode_reply(Fields& f) {
  Reply message{.request = f.number("request", 0, kAnyNumber), .error = f.error("error"), .warning = f.line("warning")};
  TRY_VOID(f.finish());
  return message;
}

Result<Notice> decode_event(Fields& f) {
  Event message{.name = event_name(f, "name"), .slot = f.slot("slot", 0), .detail = f.line("detail")};
  TRY_VOID(f.finish());
  return message;
}

template <class Message>
struct Kind {
  std::string_view type;
  Decoder<Message> decode;
};

constexpr std::array kRequests{
    Kind<Request>{"hello", decode_hello},
    Kind<Request>{"ready", decode_ready},
    Kind<Request>{"booted", decode_booted},
    Kind<Request>{"create_guest", decode_create_guest},
    Kind<Request>{"attach_guest", decode_attach_guest},
    Kind<Request>{"delete_guest", decode_delete_guest},
    Kind<Request>{"label_guest", decode_label_guest},
    Kind<Request>{"freeze_guest", decode_freeze_guest},
    Kind<Request>{"thaw_guest", decode_thaw_guest},
};

constexpr std::array kNotices{
    Kind<Notice>{"welcome", decode_welcome},       Kind<Notice>{"pipes", decode_pipes},
    Kind<Notice>{"guest", decode_guest},           Kind<Notice>{"announced", decode_announced},
    Kind<Notice>{"guest_gone", decode_guest_gone}, Kind<Notice>{"reply", decode_reply},
    Kind<Notice>{"event", decode_event},
};

template <class Message>
Result<Message> decode(std::string_view packet, std::span<const Kind<Message>> kinds) {
  Fields fields = TRY(Fields::parse(packet));
  const auto kind = std::ranges::find(kinds, fields.type(), &Kind<Message>::type);
  if (kind == kinds.end()) return fail(Errc::kInvalid, "field type is none of the messages");
  auto decoded = kind->decode(fields);
  if (!decoded) return fail_in(kind->type, decoded.error());
  return decoded;
}

}  // namespace

std::string encode(const Request& request) {
  return to_packet(std::visit(Encoder{}, request));
}

std::string encode(const Notice& notice) {
  return to_packet(std::visit(Encoder{}, notice));
}

std::size_t descriptors_beside(const Request& request) {
  const auto* create = std::get_if<CreateGuest>(&request);
  return create != nullptr && !create->workspaces.empty() ? 1 : 0;
}

Result<Request> decode_request(std::string_view packet) {
  return decode<Request>(packet, kRequests);
}

Result<Notice> decode_notice(std::string_view packet) {
  return decode<Notice>(packet, kNotices);
}

}  // namespace enforcer::hostproto
