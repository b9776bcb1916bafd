// Daemon: the parts of enforcerd, put together. It hears from hostd (HostEvents), answers the control API (Backend, in
// backend.cc), renders metrics, and looks after what happens once a second.
//
// Thread: worker 0, but for the constructor and run().
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/log.h"
#include "base/service_notify.h"
#include "config/config.h"
#include "config/paths.h"
#include "control/api.h"
#include "credentials/guest_identity.h"
#include "credentials/https_client.h"
#include "credentials/keyring.h"
#include "enforcerd/datapath_counters.h"
#include "enforcerd/freezer.h"
#include "enforcerd/guests.h"
#include "enforcerd/host_link.h"
#include "enforcerd/policy_store.h"
#include "enforcerd/reviews.h"
#include "enforcerd/workers.h"
#include "metrics/exposition.h"
#include "proxy/dns_service.h"

namespace enforcer::enforcerd {

class Daemon final : public HostEvents, public control::Backend {
 public:
  Daemon(const config::Config& config, const config::Paths& paths, audit::Log& log, Workers& workers,
         const ServiceNotify& manager, credentials::Keyring& keyring, credentials::HttpsClient& https);

  /// Loads the policies and begins to look for hostd.
  void start();
  /// SIGHUP.
  void reload_on_signal();
  /// Every guest's sessions are closed and recorded; run() of the workers returns after that.
  void stop();

  /// The text of /metrics.
  boost::asio::awaitable<Result<std::string>> render_metrics();
  /// Empty when guests can be served, else what is missing.
  [[nodiscard]] std::string not_ready() const;

  // control::Backend
  boost::asio::awaitable<Result<control::Status>> status() override;
  void record_refusal(std::string_view detail, std::uint64_t count) override;
  [[nodiscard]] std::shared_ptr<const policy::Snapshot> snapshot() const override { return policies_.current(); }
  [[nodiscard]] std::string audit_path() const override { return config_.audit.path; }
  boost::asio::awaitable<Result<std::vector<control::GuestInfo>>> guests() override;
  boost::asio::awaitable<Result<control::AuthorityInfo>> authority(GuestName name) override;
  boost::asio::awaitable<Result<control::GuestAnswer>> create_guest(control::Caller caller,
                                                                    control::CreateGuest request) override;
  boost::asio::awaitable<Result<control::GuestAnswer>> attach_guest(control::Caller caller,
                                                                    control::AttachGuest request) override;
  boost::asio::awaitable<Result<>> delete_guest(control::Caller caller, GuestName name) override;
  boost::asio::awaitable<Result<control::GuestAnswer>> pause_guest(control::Caller caller, GuestName name,
                                                                   std::chrono::seconds most) override;
  boost::asio::awaitable<Result<control::GuestAnswer>> resume_guest(control::Caller caller, GuestName name) override;
  boost::asio::awaitable<Result<std::unique_ptr<control::ExecChannel>>> exec(control::Caller caller,
                                                                             GuestName name) override;
  boost::asio::awaitable<Result<control::GuestAnswer>> label_guest(control::Caller caller, GuestName name,
                                                                   control::LabelChange change) override;
  // ... in policy_backend.cc
  boost::asio::awaitable<Result<control::LoadAnswer>> reload(control::Caller caller) override;
  boost::asio::awaitable<Result<control::LoadAnswer>> apply(control::Caller caller,
                                                            std::vector<control::Document> documents) override;
  boost::asio::awaitable<Result<control::LoadAnswer>> roll_back(control::Caller caller,
                                                                std::uint64_t generation) override;
  [[nodiscard]] std::vector<control::GenerationInfo> generations() const override;
  [[nodiscard]] Result<control::PolicyTexts> policy_texts(std::optional<std::uint64_t> generation) const override;
  // ... in credential_backend.cc
  boost::asio::awaitable<Result<control::Variables>> guest_environment(GuestName name) override;
  boost::asio::awaitable<Result<std::vector<control::CredentialInfo>>> credentials() override;
  boost::asio::awaitable<Result<>> set_credential(control::Caller caller, std::string name, Secret value) override;
  boost::asio::awaitable<Result<>> delete_credential(control::Caller caller, std::string name) override;
  boost::asio::awaitable<Result<control::Rotation>> rotate_credential(control::Caller caller,
                                                                      std::string name) override;
  boost::asio::awaitable<Result<control::CredentialTest>> test_credential(control::Caller caller,
                                                                          control::TestCredential request) override;
  // ... in review_backend.cc
  boost::asio::awaitable<Result<std::vector<review::Ticket>>> reviews() override;
  boost::asio::awaitable<Result<review::Ticket>> review(std::string id) override;
  boost::asio::awaitable<Result<review::Ticket>> decide_review(control::Caller caller,
                                                               control::ReviewDecision decision) override;
  [[nodiscard]] std::unique_ptr<control::ReviewFeed> watch_reviews() override;

 private:
  // HostEvents
  bool welcomed(const hostproto::Welcome& welcome, std::vector<Fd> descriptors) override;
  void pipes(std::vector<Fd> descriptors) override;
  void guest(const hostproto::Guest& guest, std::vector<Fd> descriptors) override;
  void announced() override;
  void guest_gone(const hostproto::GuestGone& gone) override;
  void event(const hostproto::Event& event) override;
  void disconnected() override;

  /// The guest for the caller who just made or changed it.
  boost::asio::awaitable<Result<control::GuestAnswer>> answer_about(GuestName name, std::string warning);
  [[nodiscard]] control::GuestInfo info_of(const GuestEntry& entry, const proxy::GuestUse& use) const;

  void enforce_loaded(const LoadReport& report, Monotonic::time_point began, std::string_view who);
  boost::asio::awaitable<control::LoadAnswer> enforced(LoadReport report);
  void withdraw_unasked();
  void share_egress_credential();
  void revoke_value(const std::string& name);
  void drop_credentials_not_in(const std::vector<std::string>& loaded);
  /// One GET of `path` with the credential in it, over TLS that proves `host`, to which the credential is bound; what
  /// was answered. `guest`: as whose request. kUnavailable: no value, no connection, no proof, no HTTP;
  /// kTimeout.
  boost::asio::awaitable<Result<control::CredentialTest>> ask_origin(std::shared_ptr<const policy::CredentialSpec> spec,
                                                                     HostName host, Port port, std::string path,
                                                                     credentials::GuestIdentity guest);
  void record_event(std::string_view name, const GuestEntry* about, std::string_view detail, std::uint64_t count = 1);
  void record_labels(const hostproto::Guest& announced, const Labels& before);
  void greet(const GuestEntry& entry);
  void freeze_failed(Slot slot, const Error& why);
  void every_second();
  void end_if_over(GuestEntry& entry);
  void prove_alive();
  void report_drops(GuestEntry& entry);
  void report_undecided(GuestEntry& entry);
  void expire_series();

  const config::Config& config_;
  audit::Log& log_;
  Workers& workers_;
  const ServiceNotify& manager_;
  credentials::Keyring& keyring_;
  credentials::HttpsClient& https_;
  metrics::Exposition exposition_;
  Reviews reviews_;
  PolicyStore policies_;
  std::vector<std::string> loaded_credentials_;  ///< names, of the generation in force, sorted
  Guests guests_;
  proxy::DnsService dns_;
  HostLink link_;
  Freezer freezer_;
  std::optional<DatapathCounters> counters_;
  std::string attach_mode_;
  std::string accelerator_ = "unknown";
  bool steering_ = false;  ///< hostd was told that we are ready, at least once
  boost::asio::steady_timer second_;
  std::uint64_t seconds_ = 0;
  std::size_t next_pipe_worker_ = 0;
  const Monotonic::time_point started_ = Monotonic::now();
};

}  // namespace enforcer::enforcerd
