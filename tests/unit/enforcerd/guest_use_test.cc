// What `guest list` counts: decisions of one guest, kept by each worker for itself.
#include <doctest/doctest.h>

#include <filesystem>

#include "../temporary_folder.h"
#include "audit/log.h"
#include "config/config.h"
#include "policy/snapshot.h"
#include "proxy/worker.h"

namespace enforcer::enforcerd {
namespace {

/// A worker that does not run, with one guest.
class QuietWorker {
 public:
  QuietWorker() {
    log_ = audit::Log::open({.path = folder_.file("audit.jsonl")}).value();
    worker_ = proxy::Worker::make(config_, *log_).value();
  }
  ~QuietWorker() {
    worker_.reset();
    log_.reset();
  }
  QuietWorker(const QuietWorker&) = delete;
  QuietWorker& operator=(const QuietWorker&) = delete;

  void add(std::uint32_t slot, const char* text) {
    const GuestName name = GuestName::parse(text).value();
    const std::string stem = folder_.file(text);
    std::filesystem::create_directories(stem);
    auto names = dns::NameTable::open({config_.guests.synthetic_ipv4, config_.guests.synthetic_ipv6}, stem + "/names");
    auto authority = tls::CertificateAuthority::open_or_make(stem, name);
    REQUIRE((names && authority));
    proxy::GuestIdentity identity{.slot = Slot{slot}, .epoch = Epoch{1}, .name = name};
    auto guest =
        std::make_shared<proxy::Guest>(std::move(identity), config_.limits, *std::move(names), *std::move(authority));
    worker_->add_guest(std::move(guest), std::make_shared<const Labels>(),
                       policy::Snapshot::deny_everything(1)->for_guest(name, {}),
                       metrics::GuestSeries{1});  // as all guests of `run` share one
  }
  void decide(std::uint32_t slot, policy::Layer layer, policy::Action action) {
    const auto view = worker_->guest(Slot{slot});
    REQUIRE(view);
    worker_->count_decision(*view, layer, {.action = action, .reason = policy::Reason::kNoRule});
  }
  [[nodiscard]] proxy::Worker& worker() { return *worker_; }

 private:
  TemporaryFolder folder_;
  config::Config config_;
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<proxy::Worker> worker_;
};

TEST_CASE("decisions_are_counted_for_each_guest_by_itself") {
  using policy::Action;
  using policy::Layer;
  QuietWorker stage;
  CHECK(stage.worker().guest_use().empty());
  stage.add(1, "run-a");
  stage.add(2, "run-b");
  stage.decide(1, Layer::kDns, Action::kAllow);
  stage.decide(1, Layer::kTls, Action::kAllow);
  stage.decide(1, Layer::kHttp, Action::kReview);
  stage.decide(2, Layer::kL4, Action::kDeny);
  auto use = stage.worker().guest_use();
  REQUIRE(use.size() == 2);
  CHECK((use[1].allowed == 2 && use[1].denied == 0 && use[1].held == 1));
  CHECK((use[2].allowed == 0 && use[2].denied == 1 && use[2].held == 0));
  const auto counts = stage.worker().metrics().snapshot();
  REQUIRE(counts.denied.size() == 1);
  CHECK(counts.denied[0].count == 1);  // the metrics count the same decisions
  proxy::GuestUse sum = use[1];
  sum += use[2];
  CHECK((sum.allowed == 2 && sum.denied == 1 && sum.held == 1));
  stage.worker().remove_guest(Slot{1});
  CHECK_FALSE(stage.worker().guest_use().contains(1));
}

TEST_CASE("connections_of_a_guest_are_counted_and_not_the_requests_on_them") {
  QuietWorker stage;
  stage.add(1, "run-a");
  stage.add(2, "run-b");
  proxy::Guest& guest = *stage.worker().guest(Slot{1})->guest;
  CHECK(guest.sessions() == 0);
  CHECK((guest.open_session() && guest.open_session()));
  guest.session_said_what_it_wants();
  CHECK((guest.open_stream() && guest.open_stream() && guest.open_stream()));
  CHECK(guest.sessions() == 2);
  CHECK(stage.worker().guest(Slot{2})->guest->sessions() == 0);
  guest.close_session();
  CHECK(guest.sessions() == 1);
}

TEST_CASE("a_connection_that_is_refused_is_not_counted") {
  QuietWorker stage;
  stage.add(1, "run-a");
  proxy::Guest& guest = *stage.worker().guest(Slot{1})->guest;
  config::Limits limits;
  limits.connections = 1;
  limits.half_open = 2;
  guest.limit(limits);
  CHECK(guest.open_session());
  CHECK_FALSE(guest.open_session());
  CHECK(guest.sessions() == 1);
}

}  // namespace
}  // namespace enforcer::enforcerd
