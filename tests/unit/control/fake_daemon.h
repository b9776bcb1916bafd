// A control server with a Backend of our own behind it, on a thread of its own and a socket in a temporary folder.
// Shared by the tests of the server and of the tool.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "control/api.h"
#include "control/client.h"
#include "control/server.h"
#include "fake_values.h"
#include "policy/loader.h"

namespace enforcer::control::testing {

/// A folder that everybody may pass through and that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = "/tmp/enforcer-unit-control-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    chmod(pattern.c_str(), 0711);
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  std::string write(std::string_view name, std::string_view text) const {
    std::ofstream(file(name)) << text;
    return file(name);
  }

 private:
  std::string path_;
};

/// What the guest side of an exec does: gets each frame from the client, and may answer with frames.
using Script = std::function<std::vector<hostproto::Frame>(const hostproto::Frame&)>;

/// Everything a test looks at or sets; the daemon's thread holds the mutex while it does.
struct Shared {
  std::mutex mutex;
  std::vector<std::string> calls;
  std::vector<GuestInfo> guests;
  std::vector<CredentialInfo> credentials;
  std::map<std::string, std::string> values;  ///< what was set
  std::optional<AuthorityInfo> authority;     ///< of every guest
  Variables environment;                      ///< likewise
  std::string warning;                        ///< behind a pause and a resume
  Rotation rotation;
  CredentialTest test{.host = "a.test", .port = Port{443}, .path = "/", .status = 200};
  std::optional<Error> error;  ///< what every change answers instead
  LoadAnswer load{.loaded = true, .generation = 2, .problems = {}};
  std::shared_ptr<const policy::Snapshot> snapshot;
  std::string audit_path;
  Script script;
  std::vector<hostproto::Frame> frames;  ///< that reached the guest
  int open_channels = 0;
  bool boots = true;                 ///< false: a new guest stays "booting"
  bool guest_takes_nothing = false;  ///< send() waits for ever

  [[nodiscard]] std::vector<std::string> calls_now() {
    const std::lock_guard lock(mutex);
    return calls;
  }
};

class FakeChannel : public ExecChannel {
 public:
  FakeChannel(Shared& shared, const asio::any_io_executor& executor) : shared_(shared), wake_(executor) {
    wake_.expires_at(std::chrono::steady_clock::time_point::max());
    const std::lock_guard lock(shared_.mutex);
    ++shared_.open_channels;
  }
  ~FakeChannel() override {
    const std::lock_guard lock(shared_.mutex);
    --shared_.open_channels;
  }

  asio::awaitable<Result<>> send(hostproto::Frame frame) override {
    bool stuck = false;
    {
      const std::lock_guard lock(shared_.mutex);
      shared_.frames.push_back(frame);
      stuck = shared_.guest_takes_nothing && frame.type == hostproto::FrameType::kStdin;
      for (auto& answer : shared_.script ? shared_.script(frame) : std::vector<hostproto::Frame>{}) {
        answers_.push_back(std::move(answer));
      }
    }
    wake_.cancel();
    while (stuck && !closed_) co_await wait();
    if (closed_) co_return fail(Errc::kUnavailable, "the guest is gone");
    co_return Result<>{};
  }

  asio::awaitable<Result<hostproto::Frame>> receive() override {
    while (answers_.empty() && !closed_) co_await wait();
    if (closed_) co_return fail(Errc::kUnavailable, "the guest is gone");
    hostproto::Frame frame = std::move(answers_.front());
    answers_.pop_front();
    co_return frame;
  }

  void close() override {
    closed_ = true;
    wake_.cancel();
  }

 private:
  asio::awaitable<void> wait() { co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable)); }

  Shared& shared_;
  asio::steady_timer wake_;
  std::deque<hostproto::Frame> answers_;
  bool closed_ = false;
};

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
    called("create " + request.name.text() + " " + request.image + " " + std::to_string(request.memory_mib));
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
  asio::awaitable<Result<std::unique_ptr<ExecChannel>>> exec(Caller, GuestName name) override {
    called("exec " + name.text());
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

 private:
  void called(std::string what) {
    const std::lock_guard lock(shared_.mutex);
    shared_.calls.push_back(std::move(what));
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

/// Waits for something another thread does.
inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::seconds patience = std::chrono::seconds(10)) {
  const Deadline deadline = Deadline::after(patience);
  while (!deadline.passed()) {
    if (condition()) return true;
    poll(nullptr, 0, 5);
  }
  return condition();
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
