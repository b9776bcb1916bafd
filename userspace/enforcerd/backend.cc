// Daemon as the control API sees it.
#include "base/log.h"
#include "control/json.h"
#include "enforcerd/daemon.h"
#include "tls/certificate_text.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;

namespace {

std::string by(const control::Caller& caller) {
  return fmt::format("uid {} (pid {})", caller.uid, caller.pid);
}

using UseBySlot = std::map<std::uint32_t, proxy::GuestUse>;

/// None when the guest came after the workers were asked.
proxy::GuestUse use_of(const UseBySlot& all, Slot slot) {
  const auto found = all.find(static_cast<std::uint32_t>(slot));
  return found == all.end() ? proxy::GuestUse{} : found->second;
}

}  // namespace

control::GuestInfo Daemon::info_of(const GuestEntry& entry, const proxy::GuestUse& use) const {
  const hostproto::Guest& guest = entry.announced;
  control::GuestInfo info{.name = guest.name,
                          .labels = guest.labels,
                          .kind = guest.kind,
                          .state = guest.state,
                          .image = guest.image,
                          .accelerator = guest.accelerator,
                          .slot = guest.slot,
                          .epoch = guest.epoch,
                          .ipv4 = guest.ipv4,
                          .ipv6 = guest.ipv6,
                          .paused_since = entry.paused_since};
  info.owner = guest.owner;
  if (guest.created != 0) info.created = WallClock::from_time_t(static_cast<std::time_t>(guest.created));
  info.policies = policies_.current()->selecting(guest.name, guest.labels);
  info.decisions = {.allowed = use.allowed, .denied = use.denied + entry.undecided, .held = use.held};
  info.connections = entry.guest->sessions();
  return info;
}

asio::awaitable<Result<control::GuestAnswer>> Daemon::answer_about(GuestName name, std::string warning) {
  const UseBySlot use = co_await workers_.guest_use();
  const GuestEntry* entry = guests_.find(name);
  if (entry == nullptr) co_return fail(Errc::kUnavailable, "the guest is already gone again");
  co_return control::GuestAnswer{info_of(*entry, use_of(use, entry->announced.slot)), std::move(warning)};
}

void Daemon::record_refusal(std::string_view detail, std::uint64_t count) {
  record_event("control_refused", nullptr, detail, count);
}

asio::awaitable<Result<control::Status>> Daemon::status() {
  control::Status status{.version = ENFORCER_VERSION, .instance = config_.instance};
  status.uptime = std::chrono::duration_cast<std::chrono::seconds>(Monotonic::now() - started_);
  status.workers = static_cast<std::uint32_t>(workers_.size());
  status.generation = policies_.current()->generation();
  status.last_reload = {policies_.last_report().loaded, policies_.last_attempt(), policies_.last_report().error};
  for (const auto& [slot, entry] : guests_.all()) {
    ++(entry.paused_since                   ? status.guests_paused
       : entry.announced.state == "running" ? status.guests_running
                                            : status.guests_booting);
    status.connections += entry.guest->sessions();
  }
  status.hostd_connected = link_.connected();
  status.attach_mode = attach_mode_;
  status.accelerator = accelerator_;
  status.reviews_pending = reviews_.desk().waiting().pending;
  status.watching_reviews = reviews_.watching();
  status.audit = {log_.healthy(), config_.audit.path, log_.events(), log_.write_errors()};
  co_return status;
}

asio::awaitable<Result<std::vector<control::GuestInfo>>> Daemon::guests() {
  const UseBySlot use = co_await workers_.guest_use();
  std::vector<control::GuestInfo> all;
  for (const auto& [slot, entry] : guests_.all()) all.push_back(info_of(entry, use_of(use, Slot{slot})));
  co_return all;
}

asio::awaitable<Result<control::AuthorityInfo>> Daemon::authority(GuestName name) {
  const GuestEntry* entry = guests_.find(name);
  if (entry == nullptr) co_return fail(Errc::kNotFound, fmt::format("no guest '{}'", name.text()));
  if (entry->trust_pem.empty())
    co_return fail(Errc::kUnavailable, "the guest has no CA: nothing of its TLS is looked into");
  auto text = tls::describe_certificate(entry->trust_pem);
  if (!text) co_return std::unexpected(text.error());
  co_return control::AuthorityInfo{.pem = entry->trust_pem,
                                   .subject = std::move(text->subject),
                                   .fingerprint = std::move(text->fingerprint),
                                   .not_before = text->not_before,
                                   .not_after = text->not_after};
}

asio::awaitable<Result<control::GuestAnswer>> Daemon::create_guest(control::Caller caller,
                                                                   control::CreateGuest request) {
  log_info("guest {} is created for {}", request.name.text(), by(caller));
  hostproto::CreateGuest create{.name = request.name,
                                .labels = std::move(request.labels),
                                .owner = caller.uid,
                                .owner_group = caller.gid,
                                .image = std::move(request.image),
                                .memory_mib = request.memory_mib,
                                .cpus = request.cpus,
                                .disk_mib = request.disk_mib,
                                .workspaces = std::move(request.workspaces),
                                .ephemeral = request.ephemeral};
  auto warning = co_await link_.request(std::move(create), caller.connection);
  if (!warning) co_return std::unexpected(warning.error());
  co_await workers_.settled();  // the guest's first connection may come right behind our answer
  co_return co_await answer_about(request.name, *std::move(warning));
}

asio::awaitable<Result<control::GuestAnswer>> Daemon::attach_guest(control::Caller caller,
                                                                   control::AttachGuest request) {
  log_info("guest {} is attached for {}", request.name.text(), by(caller));
  hostproto::AttachGuest attach{.name = request.name,
                                .labels = std::move(request.labels),
                                .owner = caller.uid,
                                .netns = std::move(request.netns)};
  auto warning = co_await link_.request(std::move(attach));
  if (!warning) co_return std::unexpected(warning.error());
  co_await workers_.settled();  // the guest's first connection may come right behind our answer
  co_return co_await answer_about(request.name, *std::move(warning));
}

asio::awaitable<Result<>> Daemon::delete_guest(control::Caller caller, GuestName name) {
  log_info("guest {} is deleted for {}", name.text(), by(caller));
  const GuestEntry* entry = guests_.find(name);
  hostproto::DeleteGuest remove{.name = std::move(name), .slot = entry == nullptr ? Slot{0} : entry->announced.slot};
  auto warning = co_await link_.request(std::move(remove));
  if (!warning) co_return std::unexpected(warning.error());
  co_await workers_.settled();
  co_return Result<>{};
}

asio::awaitable<Result<control::GuestAnswer>> Daemon::pause_guest(control::Caller caller, GuestName name,
                                                                  std::chrono::seconds most) {
  const GuestEntry* entry = guests_.find(name);
  if (entry == nullptr) co_return fail(Errc::kNotFound, fmt::format("no guest '{}'", name.text()));
  log_info("guest {} is paused for {}", name.text(), by(caller));
  const auto paused = co_await freezer_.pause(entry->announced.slot, entry->announced.epoch, most);
  if (!paused) co_return std::unexpected(paused.error());
  co_await workers_.settled();
  co_return co_await answer_about(std::move(name), "");
}

asio::awaitable<Result<control::GuestAnswer>> Daemon::resume_guest(control::Caller caller, GuestName name) {
  const GuestEntry* entry = guests_.find(name);
  if (entry == nullptr) co_return fail(Errc::kNotFound, fmt::format("no guest '{}'", name.text()));
  if (entry->announced.kind != "microvm") co_return fail(Errc::kInvalid, "only a microVM can be paused");
  log_info("guest {} is resumed for {}", name.text(), by(caller));
  const auto held = co_await freezer_.resume(entry->announced.slot, entry->announced.epoch);
  if (!held) co_return std::unexpected(held.error());
  co_await workers_.settled();
  std::string warning;
  if (*held > 0) warning = fmt::format("{} held requests keep it paused until they are decided", *held);
  co_return co_await answer_about(std::move(name), std::move(warning));
}

asio::awaitable<Result<control::GuestAnswer>> Daemon::label_guest(control::Caller caller, GuestName name,
                                                                  control::LabelChange change) {
  const GuestEntry* entry = guests_.find(name);
  if (entry == nullptr) co_return fail(Errc::kNotFound, fmt::format("no guest '{}'", name.text()));
  const Slot slot = entry->announced.slot;
  const Epoch epoch = entry->announced.epoch;
  // The caller first: the change holds texts of anybody's choice.
  const std::string what = fmt::format("{}: {}", by(caller), control::encode_label_change(change));
  log_info("labels of guest {} are changed for {}", name.text(), what);
  // hostd announces the guest as it is then, which records its labels and puts the policies in force that select it
  // now, and replies behind it.
  auto warning = co_await link_.request(hostproto::LabelGuest{
      .slot = slot, .epoch = epoch, .set = std::move(change.set), .remove = std::move(change.remove)});
  if (!warning) {
    // It may be in force all the same, where the reply alone is missing.
    record_event("guest_label_failed", guests_.find(slot), what);
    co_return std::unexpected(warning.error());
  }
  if (const GuestEntry* now = guests_.find(slot); now != nullptr) record_event("guest_labelled", now, what);
  co_await workers_.settled();
  co_return co_await answer_about(std::move(name), *std::move(warning));
}

asio::awaitable<Result<std::unique_ptr<control::ExecChannel>>> Daemon::exec(control::Caller caller, GuestName name) {
  const GuestEntry* entry = guests_.find(name);
  if (entry == nullptr) co_return fail(Errc::kNotFound, fmt::format("no guest '{}'", name.text()));
  const auto channels = entry->ready_channels();
  if (!channels) co_return std::unexpected(channels.error());
  log_info("a command is run in guest {} for {}", name.text(), by(caller));
  co_return co_await (*channels)->open();
}

}  // namespace enforcer::enforcerd
