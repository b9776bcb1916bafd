#include "enforcerd/daemon.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "base/text.h"
#include "proxy/egress.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kBootDeadline{150};

constexpr std::string_view kDropLabels[] = {
#define X(name, label, text) label,
    ENFORCER_DROP_REASONS(X)
#undef X
};

}  // namespace

Daemon::Daemon(const config::Config& config, const config::Paths& paths, audit::Log& log, Workers& workers,
               const ServiceNotify& manager, credentials::Keyring& keyring, credentials::HttpsClient& https)
    : config_(config),
      log_(log),
      workers_(workers),
      manager_(manager),
      keyring_(keyring),
      https_(https),
      exposition_(ENFORCER_VERSION, config.metrics.per_guest_series),
      reviews_(config, log, workers, keyring.commands()),
      policies_(config, paths),
      guests_(config, paths, workers, exposition_),
      dns_(workers.home()),
      link_(workers.home(), paths.hostd_socket(), *this),
      freezer_(workers.home().io(), link_, [this](Slot slot, const Error& why) { freeze_failed(slot, why); }),
      second_(workers.home().io()) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    workers.at(i).answers_dns(dns_);
    workers.at(i).asks_for_secrets(keyring, workers.home().io());
    workers.at(i).freezes_by(freezer_);
  }
}

void Daemon::start() {
  const auto began = Monotonic::now();
  const LoadReport report = policies_.load_at_start();
  for (const policy::Diagnostic& diagnostic : report.diagnostics) log_warning("{}", diagnostic.to_string());
  enforce_loaded(report, began, "start");
  link_.start();
  every_second();
}

void Daemon::stop() {
  second_.cancel();
  reviews_.desk().withdraw_all();
  guests_.close_channels();
  https_.stop();
  workers_.stop();
}

void Daemon::reload_on_signal() {
  const auto began = Monotonic::now();
  enforce_loaded(policies_.reload({.what = "SIGHUP"}), began, "SIGHUP");
}

void Daemon::enforce_loaded(const LoadReport& report, Monotonic::time_point began, std::string_view who) {
  if (!report.loaded) {
    log_error("policies not loaded ({}): {}; generation {} stays in force", who, report.error,
              policies_.current()->generation());
    record_event("policy_reload_failed", nullptr, report.error);
    return;
  }
  guests_.enforce(*policies_.current());
  exposition_.set_deny_rules(policies_.current()->deny_rules());
  std::vector<std::string> credentials;
  for (const policy::CredentialSpec& spec : policies_.current()->credentials()) credentials.push_back(spec.name);
  drop_credentials_not_in(credentials);
  loaded_credentials_ = credentials;
  exposition_.set_credentials(std::move(credentials));
  share_egress_credential();
  exposition_.policy_applied(Monotonic::now() - began);
  log_info("policies loaded ({}): generation {}, {} objects", who, policies_.current()->generation(),
           policies_.current()->policies().size());
  record_event("policy_reload", nullptr, who);
  withdraw_unasked();
}

/// When every worker decides by the new policies.
void Daemon::withdraw_unasked() {
  auto withdraw = [](Daemon& daemon) -> asio::awaitable<void> {
    co_await daemon.workers_.settled();
    daemon.reviews_.withdraw_unasked([&daemon](Slot slot, Epoch epoch) -> std::shared_ptr<const policy::GuestPolicy> {
      const GuestEntry* entry = daemon.guests_.find(slot);
      if (entry == nullptr || entry->announced.epoch != epoch) return nullptr;
      return daemon.policies_.current()->for_guest(entry->announced.name, entry->announced.labels);
    });
  };
  asio::co_spawn(workers_.home().io(), withdraw(*this), asio::detached);
}

/// What connections to the corporate proxy authenticate with. One that is missing or not bound to the proxy is no
/// reason to refuse policies: those connections fail, and say so.
void Daemon::share_egress_credential() {
  if (!config_.egress_proxy || config_.egress_proxy->credential.empty()) return;
  const auto snapshot = policies_.current();
  const auto* spec = policy::find_credential(snapshot->credentials(), config_.egress_proxy->credential);
  const std::string problem = proxy::egress_credential_problem(*config_.egress_proxy, spec);
  if (!problem.empty()) log_error("the corporate proxy {}: {}", config_.egress_proxy->place(), problem);
  const std::shared_ptr<const policy::CredentialSpec> shared(snapshot, spec);
  workers_.on_each([shared](proxy::Worker& worker) { worker.egress().authenticate_with(shared); });
}

void Daemon::record_event(std::string_view name, const GuestEntry* about, std::string_view detail,
                          std::uint64_t count) {
  audit::EventRecord record{
      .event = name, .detail = detail, .generation = policies_.current()->generation(), .count = count};
  if (about != nullptr) {
    record.subject = {&about->announced.name, about->announced.epoch, &about->announced.labels};
  }
  workers_.home().audit().append(record);
}

/// Before they are in force: whoever asked is recorded when hostd has replied, which may never be.
void Daemon::record_labels(const hostproto::Guest& announced, const Labels& before) {
  workers_.home().audit().append(audit::EventRecord{.event = "guest_labels",
                                                    .subject = {&announced.name, announced.epoch, &announced.labels},
                                                    .generation = policies_.current()->generation(),
                                                    .before = &before});
}

bool Daemon::welcomed(const hostproto::Welcome& welcome, std::vector<Fd> descriptors) {
  if (welcome.workers != workers_.size() || descriptors.size() != workers_.size() + 2) {
    log_error("enforcer-hostd opened {} listeners for {} workers: both must run on the same configuration",
              welcome.workers, workers_.size());
    return false;
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    // A post needs a copyable step, so the descriptor travels in a shared box.
    auto boxed = std::make_shared<Fd>(std::move(descriptors[i]));
    asio::post(workers_.at(i).io(), [boxed, &worker = workers_.at(i)] {
      if (const auto served = worker.serve(std::move(*boxed)); !served) log_error("{}", served.error().message);
    });
  }
  if (const auto served = dns_.serve(std::move(descriptors[workers_.size()])); !served) {
    log_error("DNS: {}", served.error().message);
    return false;
  }
  auto counters = DatapathCounters::make(std::move(descriptors[workers_.size() + 1]));
  if (!counters) log_error("{}", counters.error().message);
  if (counters) counters_ = *std::move(counters);
  attach_mode_ = welcome.attach_mode;
  accelerator_ = welcome.accelerator;
  steering_ = true;
  guests_.begin_roll_call();
  return true;
}

void Daemon::pipes(std::vector<Fd> descriptors) {
  for (std::size_t i = 0; i + 1 < descriptors.size(); i += 2) {
    auto boxed = std::make_shared<proxy::Pipe>(std::move(descriptors[i]), std::move(descriptors[i + 1]));
    proxy::Worker& worker = workers_.at(next_pipe_worker_++ % workers_.size());
    asio::post(worker.io(), [boxed, &worker] { worker.add_pipe(std::move(*boxed)); });
  }
}

void Daemon::guest(const hostproto::Guest& announced, std::vector<Fd> descriptors) {
  const GuestEntry* before = guests_.find(announced.slot);
  const bool known = before != nullptr;
  const bool same_boot = known && before->announced.epoch == announced.epoch;
  const bool was_paused = same_boot && before->paused_since;
  const bool labelled = same_boot && before->announced.labels != announced.labels;
  if (labelled) record_labels(announced, before->announced.labels);
  GuestEntry* entry = guests_.arrived(announced, std::move(descriptors), *policies_.current());
  if (entry == nullptr) return;
  if (!announced.accelerator.empty()) accelerator_ = announced.accelerator;
  // One that runs already was greeted by the daemon before us: what that one left running in it ends, and the guest
  // learns whom to trust from now on.
  if (entry->channels && (announced.state == "booting" || !known)) greet(*entry);
  if (entry->paused_since && !was_paused) record_event("guest_frozen", entry, "");
  if (was_paused && !entry->paused_since) {
    freezer_.runs_again(announced.slot);
    record_event("guest_thawed", entry, "");
  }
  if (labelled) withdraw_unasked();
  if (same_boot) return;
  // What the datapath counted before we came is not news.
  const auto counted = counters_ ? counters_->read(announced.slot) : std::nullopt;
  if (counted && guests_.calling_roll()) entry->reported = *counted;
  record_event("guest_here", entry, announced.kind);
}

void Daemon::greet(const GuestEntry& entry) {
  auto say_hello = [](Daemon& daemon, std::shared_ptr<GuestChannels> channels, Slot slot) -> asio::awaitable<void> {
    const auto greeted = co_await channels->greet(Deadline::after(kBootDeadline));
    if (greeted) daemon.link_.booted(slot);
  };
  asio::co_spawn(workers_.home().io(), say_hello(*this, entry.channels, entry.announced.slot), asio::detached);
}

void Daemon::freeze_failed(Slot slot, const Error& why) {
  const GuestEntry* entry = guests_.find(slot);
  if (entry == nullptr) return;  // it has ended meanwhile
  log_warning("guest {} runs on although a request of it is held: {}", entry->announced.name.text(), why.message);
  record_event("guest_not_frozen", entry, why.message);
}

void Daemon::announced() {
  guests_.end_roll_call([this](Slot slot) { guest_gone({.slot = slot, .why = "hostd does not know it any more"}); });
}

void Daemon::disconnected() {
  guests_.cancel_roll_call();
}

void Daemon::guest_gone(const hostproto::GuestGone& gone) {
  if (GuestEntry* entry = guests_.find(gone.slot); entry != nullptr) {
    report_drops(*entry);
    report_undecided(*entry);
    record_event("guest_gone", entry, gone.why);
    reviews_.desk().withdraw_guest(gone.slot, entry->announced.epoch);
  }
  freezer_.forget(gone.slot);
  guests_.left(gone.slot, gone.why);
}

void Daemon::event(const hostproto::Event& event) {
  log_warning("{}: {}", event.name, event.detail);
  record_event(event.name, guests_.find(event.slot), event.detail);
}

void Daemon::every_second() {
  for (auto& [slot, entry] : guests_.all()) {
    report_drops(entry);
    report_undecided(entry);
    end_if_over(entry);
  }
  reviews_.desk().expire(Monotonic::now());
  guests_.keep_time();
  if (++seconds_ % 60 == 0) expire_series();
  if (manager_.watched()) prove_alive();
  second_.expires_after(std::chrono::seconds(1));
  second_.async_wait([this](boost::system::error_code error) {
    if (!error) every_second();
  });
}

/// The guest of one command goes with it, whatever became of whoever asked for both.
void Daemon::end_if_over(GuestEntry& entry) {
  if (!entry.is_over(Monotonic::now())) return;
  entry.leaving = true;
  auto end = [](Daemon& daemon, GuestName name, Slot slot, Epoch epoch) -> asio::awaitable<void> {
    hostproto::DeleteGuest remove{.name = name, .slot = slot};
    const auto removed = co_await daemon.link_.request(std::move(remove));
    if (removed) log_info("guest {} was made for one command, which is over", name.text());
    GuestEntry* left = removed ? nullptr : daemon.guests_.find(slot);
    if (left == nullptr || left->announced.epoch != epoch) co_return;
    left->leaving = false;
    if (left->one_command.end_failed(Monotonic::now()) > 1) co_return;  // it was said
    log_warning("guest {} was made for one command, which is over, but stays for now: {}", name.text(),
                removed.error().message);
  };
  const hostproto::Guest& guest = entry.announced;
  asio::co_spawn(workers_.home().io(), end(*this, guest.name, guest.slot, guest.epoch), asio::detached);
}

/// The watchdog hears of us when every worker's loop has turned: one that stands still leaves its guests in the dark.
void Daemon::prove_alive() {
  auto go_round = [](Daemon& daemon) -> asio::awaitable<void> {
    co_await daemon.workers_.settled();
    daemon.manager_.alive();
  };
  asio::co_spawn(workers_.home().io(), go_round(*this), asio::detached);
}

void Daemon::report_drops(GuestEntry& entry) {
  const auto counted = counters_ ? counters_->read(entry.announced.slot) : std::nullopt;
  if (!counted) return;
  exposition_.datapath(entry.announced.slot, *counted);
  for (int reason = 0; reason < ENFORCER_DROP_REASON_COUNT; ++reason) {
    const std::uint64_t before = entry.reported.drops[reason];
    // Less than before: the counters began anew.
    const std::uint64_t news = counted->drops[reason] - (counted->drops[reason] < before ? 0 : before);
    // Every kernel says these when a link comes up: the counter is enough.
    if (news == 0 || reason == ENFORCER_DROP_MLD) continue;
    workers_.home().audit().append(
        audit::DatapathRecord{.subject = {&entry.announced.name, entry.announced.epoch, &entry.announced.labels},
                              .drop = kDropLabels[reason],
                              .count = news});
  }
  entry.reported = *counted;
}

void Daemon::report_undecided(GuestEntry& entry) {
  const std::uint64_t count = entry.guest->take_undecided();
  entry.undecided += count;
  if (count > 0) record_event("limit_decisions", &entry, "connections and requests refused undecided", count);
}

void Daemon::expire_series() {
  const auto gone = exposition_.expire(Monotonic::now());
  if (gone.empty()) return;
  workers_.on_each([gone](proxy::Worker& worker) { worker.metrics().forget(gone); });
}

asio::awaitable<Result<std::string>> Daemon::render_metrics() {
  const auto counts = co_await workers_.counts();
  metrics::Gauges gauges;
  using Component = metrics::Gauges::Component;
  gauges.hostd = link_.connected() ? Component::kUp : Component::kDown;
  gauges.datapath = steering_ ? Component::kUp : Component::kDown;
  for (const auto& [slot, entry] : guests_.all()) {
    if (entry.paused_since) {
      ++gauges.guests_paused;
    } else if (entry.announced.state == "running") {
      ++gauges.guests_running;
    } else {
      ++gauges.guests_booting;
    }
  }
  gauges.policy_generation = policies_.current()->generation();
  using Reload = metrics::Gauges::Reload;
  gauges.last_reload = policies_.last_report().loaded ? Reload::kSucceeded : Reload::kFailed;
  gauges.last_reload_success = policies_.last_success();
  for (const policy::CredentialSpec& spec : policies_.current()->credentials()) {
    if (const auto end = keyring_.end_of(spec)) gauges.credential_ends.push_back({spec.name, *end});
  }
  gauges.review = reviews_.counts();
  gauges.audit_events = log_.events();
  gauges.audit_write_errors = log_.write_errors();
  gauges.audit_copy_errors = log_.copy_errors();
  const std::uint64_t guests = guests_.all().size();
  gauges.maps = {{"guests", guests, ENFORCER_MAX_GUESTS}, {"counters", guests + 1, ENFORCER_MAX_GUESTS}};
  if (counters_) {
    for (auto& [slot, entry] : guests_.all()) {
      if (const auto counted = counters_->read(Slot{slot})) exposition_.datapath(Slot{slot}, *counted);
    }
    if (const auto nobody = counters_->read(Slot{0})) exposition_.datapath(Slot{0}, *nobody);
  }
  co_return exposition_.render(counts, gauges);
}

std::string Daemon::not_ready() const {
  if (!steering_) return "enforcer-hostd has not connected the datapath yet";
  if (policies_.current()->generation() == 0) return "no policy is loaded: everything is denied";
  if (!log_.healthy()) return "the audit log cannot be written: everything is denied";
  return "";
}

}  // namespace enforcer::enforcerd
