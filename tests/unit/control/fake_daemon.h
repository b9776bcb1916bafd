// A control server with a Backend of our own behind it, on a thread of its own and a socket in a temporary folder.
// Shared by the tests of the server and of the tool.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <future>
#include <thread>

#include "../eventually.h"
#include "../temporary_folder.h"
#include "control/client.h"
#include "control/json.h"
#include "control/server.h"
#include "fake_state.h"
#include "policy/loader.h"

namespace enforcer::control::testing {

class FakeBackend : public Backend {
 public:
  FakeBackend(Shared& shared, asio::io_context& context) : shared_(shared), context_(context) {}

  asio::awaitable<Result<Status>> status() override {
    called("status");
    Status status;
    status.version = "1.2.3";
    status.instance = "test";
    status.uptime = std::chrono::seconds(3700);
    status.workers = 2;
    status.generation = 5;
    status.last_reload.time = WallClock::time_point(std::chrono::seconds(1'700'000'000));
    status.hostd_connected = true;
    status.attach_mode = "tcx";
    status.accelerator = "tcg";
    status.audit.path = "/var/log/audit.jsonl";
    co_return status;
  }
  void record_refusal(std::string_view detail, std::uint64_t count) override {
    called("refused " + std::to_string(count) + ": " + std::string(detail));
  }
  std::shared_ptr<const policy::Snapshot> snapshot() const override {
    const std::lock_guard lock(shared_.mutex);
    return shared_.snapshot;
  }
  std::string audit_path() const override { return shared_.audit_path; }
  asio::awaitable<Result<LoadAnswer>> reload(Caller caller) override {
    called("reload by " + std::to_string(caller.uid));
    co_return load();
  }
  asio::awaitable<Result<LoadAnswer>> apply(Caller, std::vector<Document> documents) override {
    std::string names;
    for (const auto& document : documents) names += " " + document.name + "=" + document.text;
    called("apply" + names);
    asio::steady_timer pause(context_, std::chrono::milliseconds(loads_slowly() ? 1500 : 0));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return load();
  }
  asio::awaitable<Result<std::vector<GuestInfo>>> guests() override {
    const std::lock_guard lock(shared_.mutex);
    co_return shared_.guests;
  }
  asio::awaitable<Result<AuthorityInfo>> authority(GuestName name) override {
    const std::lock_guard lock(shared_.mutex);
    if (std::ranges::find(shared_.guests, name, &GuestInfo::name) == shared_.guests.end()) {
      co_return fail(Errc::kNotFound, "there is no guest " + name.text());
    }
    if (!shared_.authority) co_return fail(Errc::kUnavailable, "the guest has no CA");
    co_return *shared_.authority;
  }
  asio::awaitable<Result<Variables>> guest_environment(GuestName name) override {
    const std::lock_guard lock(shared_.mutex);
    if (std::ranges::find(shared_.guests, name, &GuestInfo::name) == shared_.guests.end()) {
      co_return fail(Errc::kNotFound, "there is no guest " + name.text());
    }
    co_return shared_.environment;
  }
  asio::awaitable<Result<GuestAnswer>> create_guest(Caller, CreateGuest request) override {
    called("create " + request.name.text() + " " + request.image + " " + std::to_string(request.memory_mib) +
           (request.ephemeral ? " ephemeral" : ""));
    std::promise<void>* making = nullptr;
    {
      const std::lock_guard lock(shared_.mutex);
      making = std::exchange(shared_.making, nullptr);
    }
    if (making != nullptr) {
      making->set_value();
      asio::steady_timer pause(context_, std::chrono::milliseconds(500));
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return made(request.name, "microvm");
  }
  asio::awaitable<Result<GuestAnswer>> attach_guest(Caller, AttachGuest request) override {
    called("attach " + request.name.text() + " " + request.netns);
    co_return made(request.name, "attached");
  }
  asio::awaitable<Result<>> delete_guest(Caller, GuestName name) override {
    called("delete " + name.text());
    const std::lock_guard lock(shared_.mutex);
    if (std::erase_if(shared_.guests, [&](const GuestInfo& guest) { return guest.name == name; }) == 0) {
      co_return fail(Errc::kNotFound, "there is no guest " + name.text());
    }
    co_return Result<>{};
  }
  asio::awaitable<Result<GuestAnswer>> pause_guest(Caller, GuestName name, std::chrono::seconds most) override {
    called("pause " + name.text() + " " + std::to_string(most.count()));
    co_return moved(name, WallClock::time_point(std::chrono::seconds(1'700'000'000)));
  }
  asio::awaitable<Result<GuestAnswer>> resume_guest(Caller, GuestName name) override {
    called("resume " + name.text());
    co_return moved(name, std::nullopt);
  }
  asio::awaitable<Result<GuestAnswer>> label_guest(Caller, GuestName name, LabelChange change) override {
    called("label " + name.text() + " " + encode_label_change(change));
    const std::lock_guard lock(shared_.mutex);
    const auto guest = std::ranges::find(shared_.guests, name, &GuestInfo::name);
    if (guest == shared_.guests.end()) co_return fail(Errc::kNotFound, "there is no guest " + name.text());
    for (const std::string& key : change.remove) guest->labels.erase(key);
    for (const auto& [key, value] : change.set) guest->labels.insert_or_assign(key, value);
    co_return GuestAnswer{.guest = *guest, .warning = shared_.warning};
  }
  asio::awaitable<Result<std::unique_ptr<ExecChannel>>> exec(Caller, GuestName name) override {
    called("exec " + name.text());
    {
      const std::lock_guard lock(shared_.mutex);
      if (shared_.open_channels >= shared_.most_channels) co_return fail(Errc::kConflict, "no channel is free");
    }
    co_return std::make_unique<FakeChannel>(shared_, context_.get_executor());
  }
  asio::awaitable<Result<std::vector<CredentialInfo>>> credentials() override {
    const std::lock_guard lock(shared_.mutex);
    co_return shared_.credentials;
  }
  asio::awaitable<Result<>> set_credential(Caller, std::string name, Secret value) override {
    called("set credential " + name);
    const std::lock_guard lock(shared_.mutex);
    if (shared_.error) co_return std::unexpected(*shared_.error);
    shared_.values[name] = value.reveal();
    co_return Result<>{};
  }
  asio::awaitable<Result<>> delete_credential(Caller, std::string name) override {
    called("delete credential " + name);
    const std::lock_guard lock(shared_.mutex);
    if (shared_.error) co_return std::unexpected(*shared_.error);
    if (shared_.values.erase(name) == 0) co_return fail(Errc::kNotFound, "nothing is stored for credential " + name);
    co_return Result<>{};
  }
  asio::awaitable<Result<Rotation>> rotate_credential(Caller, std::string name) override {
    called("rotate credential " + name);
    const std::lock_guard lock(shared_.mutex);
    if (shared_.error) co_return std::unexpected(*shared_.error);
    co_return shared_.rotation;
  }
  asio::awaitable<Result<CredentialTest>> test_credential(Caller, TestCredential request) override {
    called("test credential " + request.name + " at " + request.host + " " + request.path + " as " +
           (request.guest ? request.guest->text() : "nobody"));
    const std::lock_guard lock(shared_.mutex);
    if (shared_.error) co_return std::unexpected(*shared_.error);
    co_return shared_.test;
  }
  asio::awaitable<Result<std::vector<review::Ticket>>> reviews() override {
    const std::lock_guard lock(shared_.mutex);
    co_return shared_.tickets;
  }
  asio::awaitable<Result<review::Ticket>> review(std::string id) override {
    const std::lock_guard lock(shared_.mutex);
    for (const review::Ticket& ticket : shared_.tickets) {
      if (ticket.id.text() == id) co_return ticket;
    }
    co_return fail(Errc::kNotFound, "no review " + id);
  }
  /// One yes or no is the end of it, or as many as it needs.
  asio::awaitable<Result<review::Ticket>> decide_review(Caller caller, ReviewDecision decision) override {
    const bool approves = decision.say == ReviewDecision::Say::kApprove;
    called(std::string(approves ? "approve " : "reject ") + decision.id + " " + decision.fingerprint + " by " +
           std::to_string(caller.uid) + ": " + decision.comment);
    const std::lock_guard lock(shared_.mutex);
    if (shared_.error) co_return std::unexpected(*shared_.error);
    for (review::Ticket& ticket : shared_.tickets) {
      if (ticket.id.text() != decision.id) continue;
      const review::Verdict verdict{.by = {.uid = caller.uid, .name = "somebody"}, .comment = decision.comment};
      if (approves) {
        ticket.approvals.push_back(verdict);
        if (ticket.approvals.size() == ticket.approvals_needed) ticket.state = review::State::kApproved;
      } else {
        ticket.rejection = verdict;
        ticket.state = review::State::kRejected;
      }
      co_return ticket;
    }
    co_return fail(Errc::kNotFound, "no review " + decision.id);
  }
  std::unique_ptr<ReviewFeed> watch_reviews() override {
    return std::make_unique<FakeFeed>(shared_, context_.get_executor());
  }
  asio::awaitable<Result<LoadAnswer>> roll_back(Caller caller, std::uint64_t generation) override {
    called("roll back to " + std::to_string(generation) + " by " + std::to_string(caller.uid));
    co_return load();
  }
  std::vector<GenerationInfo> generations() const override {
    const std::lock_guard lock(shared_.mutex);
    return shared_.generations;
  }
  Result<PolicyTexts> policy_texts(std::optional<std::uint64_t> generation) const override {
    const std::lock_guard lock(shared_.mutex);
    const auto found = shared_.texts.find(generation.value_or(5));
    if (found == shared_.texts.end()) return fail(Errc::kNotFound, "that generation is not kept");
    return PolicyTexts{.generation = found->first, .objects = found->second};
  }

 private:
  void called(std::string what) {
    const std::lock_guard lock(shared_.mutex);
    shared_.calls.push_back(std::move(what));
  }
  bool loads_slowly() {
    const std::lock_guard lock(shared_.mutex);
    return shared_.loads_slowly;
  }
  Result<LoadAnswer> load() {
    const std::lock_guard lock(shared_.mutex);
    if (shared_.error) return std::unexpected(*shared_.error);
    return shared_.load;
  }
  Result<GuestAnswer> moved(const GuestName& name, std::optional<WallClock::time_point> paused_since) {
    const std::lock_guard lock(shared_.mutex);
    const auto guest = std::ranges::find(shared_.guests, name, &GuestInfo::name);
    if (guest == shared_.guests.end()) return fail(Errc::kNotFound, "there is no guest " + name.text());
    guest->state = paused_since ? "paused" : "running";
    guest->paused_since = paused_since;
    return GuestAnswer{.guest = *guest, .warning = shared_.warning};
  }
  Result<GuestAnswer> made(const GuestName& name, std::string_view kind) {
    const std::lock_guard lock(shared_.mutex);
    if (shared_.error) return std::unexpected(*shared_.error);
    shared_.guests.push_back(guest_info(name.text(), kind));
    if (!shared_.boots) shared_.guests.back().state = "booting";
    return GuestAnswer{.guest = shared_.guests.back(), .warning = ""};
  }

  Shared& shared_;
  asio::io_context& context_;
};

/// Groups that no system has.
inline constexpr gid_t kViewerGroup = 4'100'001;
inline constexpr gid_t kReviewerGroup = 4'100'002;
inline constexpr gid_t kAdminGroup = 4'100'003;

class FakeDaemon {
 public:
  explicit FakeDaemon(const std::function<void(ServerOptions&)>& adjust = {}) {
    REQUIRE(chmod(folder.path().c_str(), 0711) == 0);  // other accounts connect, too
    shared.audit_path = folder.file("audit.jsonl");
    ServerOptions options{.socket_path = folder.file("enforcerd.sock"),
                          .groups = {.viewer = kViewerGroup, .reviewer = kReviewerGroup, .admin = kAdminGroup}};
    if (adjust) adjust(options);
    auto server = Server::start(context_, backend_, options);
    REQUIRE_MESSAGE(server.has_value(), (server ? "" : server.error().message));
    server_ = *std::move(server);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~FakeDaemon() {
    stop();
    work_.reset();
    context_.stop();
    thread_.join();
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  void stop() {
    std::promise<void> done;
    asio::post(context_, [&] {
      server_->stop();
      done.set_value();
    });
    done.get_future().wait();
  }

  /// What is shared with the daemon's thread, for one statement.
  struct Locked {
    std::unique_lock<std::mutex> lock;
    Shared* shared;
    Shared* operator->() const { return shared; }
  };
  [[nodiscard]] Locked locked() { return {std::unique_lock(shared.mutex), &shared}; }

  [[nodiscard]] std::string socket() const { return folder.file("enforcerd.sock"); }
  [[nodiscard]] Client client() const { return Client(socket()); }
  [[nodiscard]] Reply ask(std::string_view method, std::string_view target, std::string_view body = {}) const {
    auto reply = client().request(method, target, body, Deadline::after(std::chrono::seconds(10)));
    REQUIRE_MESSAGE(reply.has_value(), (reply ? "" : reply.error().message));
    return *std::move(reply);
  }
  /// Puts the policies of one YAML text in force.
  void set_policy(std::string_view yaml) {
    const policy::SourceText source{.name = "test.yaml", .text = std::string(yaml)};
    const auto outcome = policy::load({&source, 1}, 5);
    for (const auto& diagnostic : outcome.diagnostics) MESSAGE(diagnostic.to_string());
    REQUIRE(outcome.snapshot != nullptr);
    locked()->snapshot = outcome.snapshot;
  }

  TemporaryFolder folder;
  Shared shared;

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
  FakeBackend backend_{shared, context_};
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

/// Runs `body` on a thread that is this user with these groups: credentials belong to threads, and a socket takes those
/// of the thread that connects. Needs root; without it the test says so and passes nothing.
inline void as_user(uid_t uid, gid_t gid, std::vector<gid_t> groups, const std::function<void()>& body) {
  std::thread([&] {
    REQUIRE(syscall(SYS_setgroups, groups.size(), groups.data()) == 0);
    REQUIRE(syscall(SYS_setresgid, gid, gid, gid) == 0);
    REQUIRE(syscall(SYS_setresuid, uid, uid, uid) == 0);
    body();
  }).join();
}

inline constexpr std::string_view kAgentPolicy = R"(apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: agent}
spec:
  guests: {matchLabels: {role: agent}}
  allow:
    - {name: api, to: [api.github.com]}
    - {name: cache, to: ["cache.acme.example:6379"], protocol: tcp, private: true}
    - {name: mirror, to: ["mirror.example.org:80"]}
  deny:
    - {name: wiki, to: ["wiki.acme.example"], reason: "Ask the platform team."}
)";

}  // namespace enforcer::control::testing
