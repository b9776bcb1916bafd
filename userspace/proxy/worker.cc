#include "proxy/worker.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "base/log.h"
#include "proxy/classifier.h"
#include "proxy/decisions.h"
#include "proxy/egress.h"
#include "proxy/listener.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

Worker::Worker(const config::Config& config, audit::Log& log)
    : config_(config), audit_(io_, log), metrics_(config.metrics.per_guest_series), ticker_(io_) {}

Result<std::unique_ptr<Worker>> Worker::make(const config::Config& config, audit::Log& log) {
  std::unique_ptr<Worker> worker(new Worker(config, log));
  worker->poller_ = TRY(net::Poller::make(worker->io_));
  worker->resolver_ = TRY(dns::Resolver::make(worker->io_, config.dns.servers));
  worker->egress_ = std::make_unique<Egress>(*worker, config.egress_proxy);
  worker->classifier_ = std::make_unique<Classifier>();
  worker->relays_ = std::make_unique<RelayLoop>(worker->io_, *worker->poller_, worker->wheel_, config.deadlines.idle,
                                                config.deadlines.stalled());
  worker->tls_server_ = TRY(tls::ServerContext::make());
  worker->tls_client_ = TRY(tls::ClientContext::make({config.origin_trust.system, config.origin_trust.files}));
  worker->leaf_key_ = TRY(tls::LeafKey::make());
  worker->tick();
  return worker;
}

Worker::~Worker() = default;

void Worker::run() {
  // As io_.run(), but where it pays a pause comes before the next look. After one that brought little it waits.
  while (!io_.stopped()) {
    io_.poll();
    if (coalescing_.should_pause(poller_->take_event_count(), decisions_made_, Monotonic::now())) {
      std::this_thread::sleep_for(net::WakeupCoalescing::kPause);
    } else {
      io_.run_one();
    }
  }
  audit_.finish();
}

void Worker::tick() {
  ticker_.expires_after(net::TimerWheel::kTick);
  ticker_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    wheel_.advance(Monotonic::now());
    if (stopping_ && sessions() == 0) return io_.stop();
    tick();
  });
}

void Worker::stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    listeners_.clear();
    resolver_->stop();
    end_sessions();
  });
}

void Worker::end_sessions() {
  for (auto& [slot, view] : guests_) {
    // A closed relay leaves the list at once, a closed coroutine when it is next resumed.
    const std::vector<Decisions*> decided(view->decided.begin(), view->decided.end());
    for (Decisions* each : decided) each->close(audit::Outcome::kShutdown);
    view->origin_pool->close();
  }
}

Result<> Worker::serve(Fd listener) {
  listeners_.push_back(TRY(Listener::make(*this, std::move(listener))));
  if (listeners_.size() > 2) listeners_.erase(listeners_.begin());
  return {};
}

void Worker::add_guest(std::shared_ptr<Guest> guest, std::shared_ptr<const Labels> labels,
                       std::shared_ptr<const policy::GuestPolicy> policy, metrics::GuestSeries series) {
  const auto slot = static_cast<std::uint32_t>(guest->identity().slot);
  auto view = std::make_shared<GuestView>();
  view->guest = std::move(guest);
  view->labels = std::move(labels);
  view->policy = std::move(policy);
  view->series = series;
  view->origin_pool = std::make_unique<OriginPool>(wheel_);
  view->leaves = std::make_unique<tls::LeafCache>(view->guest->authority(), *leaf_key_);
  guests_[slot] = std::move(view);
}

void Worker::remove_guest(Slot slot) {
  const auto found = guests_.find(static_cast<std::uint32_t>(slot));
  if (found == guests_.end()) return;
  const auto view = found->second;
  guests_.erase(found);
  view->origin_pool->close();
  const std::vector<Decisions*> decided(view->decided.begin(), view->decided.end());
  for (Decisions* each : decided) each->close(audit::Outcome::kGuestGone);
}

void Worker::replace_policy(Slot slot, std::shared_ptr<const Labels> labels,
                            std::shared_ptr<const policy::GuestPolicy> policy) {
  const auto view = guest(slot);
  if (!view) return;
  view->labels = std::move(labels);
  view->policy = std::move(policy);
  view->known_placeholders.reset();
  const std::vector<Decisions*> decided(view->decided.begin(), view->decided.end());
  for (Decisions* each : decided) each->decide_again();
}

void Worker::guest_frozen(Slot slot) {
  if (const auto view = guest(slot)) view->freeze();
}

void Worker::guest_thawed(Slot slot) {
  if (const auto view = guest(slot)) view->thaw();
}

void Worker::revoke_credential(std::string_view name) {
  for (const auto& [slot, view] : guests_) {
    const std::vector<Decisions*> decided(view->decided.begin(), view->decided.end());
    for (Decisions* each : decided) each->revoke(name);
    view->origin_pool->revoke(name);
  }
}

asio::awaitable<Result<credentials::Lease>> Worker::lease_of(const policy::CredentialSpec& spec, const GuestView& guest,
                                                             Deadline deadline) {
  if (keyring_home_ == &io_) {  // on the keyring's own thread a file needs no coroutine of its
    if (auto lease = keyring_->lease_at_hand(spec)) co_return *std::move(lease);
  }
  const GuestIdentity& identity = guest.guest->identity();
  co_return co_await ask_keyring(keyring_->lease_of(spec, {identity.name, identity.epoch, *guest.labels}, deadline));
}

asio::awaitable<Result<std::shared_ptr<const Secret>>> Worker::secret_of(const policy::CredentialSpec& spec,
                                                                         Deadline deadline) {
  return ask_keyring(keyring_->secret_of(spec, deadline));
}

template <class T>
asio::awaitable<Result<T>> Worker::ask_keyring(asio::awaitable<Result<T>> asked) {
  auto found = keyring_home_ == &io_ ? co_await std::move(asked)
                                     : co_await asio::co_spawn(*keyring_home_, std::move(asked), asio::use_awaitable);
  if (!found && Monotonic::now() >= next_complaint_) {
    log_warning("{}", found.error().message);
    next_complaint_ = Monotonic::now() + std::chrono::seconds(1);
  }
  co_return found;
}

std::shared_ptr<GuestView> Worker::guest(Slot slot) const {
  const auto found = guests_.find(static_cast<std::uint32_t>(slot));
  return found == guests_.end() ? nullptr : found->second;
}

std::size_t Worker::sessions() const {
  std::size_t count = 0;
  for (const auto& [slot, view] : guests_) count += view->decided.size();
  return count;
}

void Worker::count_decision(GuestView& view, policy::Layer layer, const policy::Decision& decision) {
  ++decisions_made_;
  metrics_.decision(view.series, layer, decision);
  view.use.count(decision.action);
}

std::map<std::uint32_t, GuestUse> Worker::guest_use() const {
  std::map<std::uint32_t, GuestUse> all;
  for (const auto& [slot, view] : guests_) all[slot] = view->use;
  return all;
}

}  // namespace enforcer::proxy
