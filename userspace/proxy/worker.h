// Worker: one thread with its event loop and everything that only this thread touches. No lock is taken on the data
// path; what must change here (a new guest, a new policy generation) is posted to the loop by the main thread as a
// finished value.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "audit/batch.h"
#include "config/config.h"
#include "credentials/keyring.h"
#include "dns/resolver.h"
#include "metrics/worker_metrics.h"
#include "net/poller.h"
#include "net/timer_wheel.h"
#include "net/wakeup_coalescing.h"
#include "proxy/freezer.h"
#include "proxy/guest_view.h"
#include "proxy/relay.h"
#include "tls/client_context.h"
#include "tls/server_context.h"

namespace enforcer::review {
class Desk;
}

namespace enforcer::proxy {

class Classifier;
class DnsService;
class Egress;
class Listener;

class Worker {
 public:
  /// `log` and `config` outlive the worker. kInvalid: a file of originTrust is broken.
  static Result<std::unique_ptr<Worker>> make(const config::Config& config, audit::Log& log);
  ~Worker();

  /// Runs the loop on the calling thread until stop().
  void run();
  /// Ends every session with an end record and the loop after it; from any thread.
  void stop();

  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] net::Poller& poller() { return *poller_; }
  [[nodiscard]] net::TimerWheel& wheel() { return wheel_; }
  [[nodiscard]] Classifier& classifier() { return *classifier_; }
  [[nodiscard]] RelayLoop& relays() { return *relays_; }
  [[nodiscard]] audit::Batch& audit() { return audit_; }
  [[nodiscard]] metrics::WorkerMetrics& metrics() { return metrics_; }
  [[nodiscard]] dns::Resolver& resolver() { return *resolver_; }
  [[nodiscard]] const config::Config& config() const { return config_; }
  [[nodiscard]] Egress& egress() { return *egress_; }

  // ---- On this worker's thread only.

  /// Serves a listener that hostd opened. The one before it, if any, is kept for a moment, until hostd has put the new
  /// one in its place.
  Result<> serve(Fd listener);
  void add_pipe(Pipe pipe) { relays_->pipes().add(std::move(pipe)); }

  void add_guest(std::shared_ptr<Guest> guest, std::shared_ptr<const Labels> labels,
                 std::shared_ptr<const policy::GuestPolicy> policy, metrics::GuestSeries series);
  /// Closes the guest's sessions.
  void remove_guest(Slot slot);
  /// A new generation, or other labels, by which other policies select the guest: each of its live sessions is decided
  /// again.
  void replace_policy(Slot slot, std::shared_ptr<const Labels> labels,
                      std::shared_ptr<const policy::GuestPolicy> policy);
  /// The guest stands still; it runs on.
  void guest_frozen(Slot slot);
  void guest_thawed(Slot slot);
  /// The value of a credential is good no more: what was sent with it is closed, whoever's it is.
  void revoke_credential(std::string_view name);

  /// The guest behind a socket's mark, or null: not attached.
  [[nodiscard]] std::shared_ptr<GuestView> guest(Slot slot) const;
  /// Connections, and requests of those by HTTP/2, that are open here.
  [[nodiscard]] std::size_t sessions() const;

  /// A decision about the guest was made, with its final layer: counts it for the metrics, for the guest itself, and as
  /// work, by which pauses are judged.
  void count_decision(GuestView& view, policy::Layer layer, const policy::Decision& decision);
  /// By slot: what each guest did here.
  [[nodiscard]] std::map<std::uint32_t, GuestUse> guest_use() const;

  /// Who freezes guests; without, they run on. Set before the workers run.
  void freezes_by(Freezer& freezer) { freezer_ = &freezer; }
  /// Lets the guest stand still for as long as the answer lives, and at most so long.
  [[nodiscard]] Frozen freeze(const GuestIdentity& guest, std::chrono::seconds most) {
    return freezer_ == nullptr ? Frozen() : Frozen(*freezer_, guest.slot, guest.epoch, most);
  }

  /// Who answers DNS, on the worker that owns the name tables: DNS over TCP comes in on any worker. Set before the
  /// workers run.
  void answers_dns(DnsService& dns) { dns_ = &dns; }
  [[nodiscard]] DnsService& dns() { return *dns_; }

  [[nodiscard]] const tls::ServerContext& tls_server() const { return *tls_server_; }
  [[nodiscard]] const tls::ClientContext& tls_client() const { return *tls_client_; }

  /// Who knows the secrets, on the worker whose loop `home` is. Set before the workers run.
  void asks_for_secrets(credentials::Keyring& keyring, boost::asio::io_context& home) {
    keyring_ = &keyring;
    keyring_home_ = &home;
  }
  /// Where requests wait for people. Set before the workers run.
  void asks_people(review::Desk& desk) { desk_ = &desk; }
  [[nodiscard]] review::Desk& desk() { return *desk_; }
  /// What goes into a request of this guest; `spec` and `guest` outlive the call. kUnavailable, which is written to the
  /// log (once a second at most).
  boost::asio::awaitable<Result<credentials::Lease>> lease_of(const policy::CredentialSpec& spec,
                                                              const GuestView& guest, Deadline deadline);
  /// What the credential's source gives. As above.
  boost::asio::awaitable<Result<std::shared_ptr<const Secret>>> secret_of(const policy::CredentialSpec& spec,
                                                                          Deadline deadline);

 private:
  Worker(const config::Config& config, audit::Log& log);
  void tick();
  template <class T>
  boost::asio::awaitable<Result<T>> ask_keyring(boost::asio::awaitable<Result<T>> asked);
  void end_sessions();

  boost::asio::io_context io_{1};  ///< run by one thread
  const config::Config& config_;
  net::TimerWheel wheel_;
  std::unique_ptr<net::Poller> poller_;
  net::WakeupCoalescing coalescing_;
  std::uint64_t decisions_made_ = 0;  ///< octets relayed are not seen here, nor what a limit drops
  std::unique_ptr<dns::Resolver> resolver_;
  std::unique_ptr<Egress> egress_;
  audit::Batch audit_;
  metrics::WorkerMetrics metrics_;
  std::unordered_map<std::uint32_t, std::shared_ptr<GuestView>> guests_;  ///< by slot
  std::unique_ptr<Classifier> classifier_;
  std::unique_ptr<RelayLoop> relays_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  boost::asio::steady_timer ticker_;
  DnsService* dns_ = nullptr;
  Freezer* freezer_ = nullptr;
  std::unique_ptr<tls::ServerContext> tls_server_;
  std::unique_ptr<tls::ClientContext> tls_client_;
  std::optional<tls::LeafKey> leaf_key_;
  credentials::Keyring* keyring_ = nullptr;
  boost::asio::io_context* keyring_home_ = nullptr;
  review::Desk* desk_ = nullptr;
  Monotonic::time_point next_complaint_{};
  bool stopping_ = false;
};

}  // namespace enforcer::proxy
