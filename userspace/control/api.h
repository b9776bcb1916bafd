// The control API as types: what can be asked of a running enforcerd, and what it answers. enforcerd implements
// Backend; the server (control/server.h) turns HTTP requests into these calls; the tool sees the same values as JSON
// (control/json.h).
//
// What is not here is done by the server itself from two of the Backend's values: `explain` and `policy list` from the
// snapshot, `log` from the audit file. So the daemon answers exactly what the offline verbs of the tool answer.
//
// Thread: everything in this file is called and resumed on worker 0. The server has checked the caller's role before it
// calls. Errors: the Errc decides the HTTP status and the tool's exit code; the message is shown to a person as it is,
// so guest text inside it is escaped by whoever writes it.
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/secret.h"
#include "control/peer.h"
#include "control/policy_history.h"
#include "hostproto/exec_frame.h"
#include "hostproto/messages.h"
#include "review/ticket.h"

namespace enforcer::policy {
class Snapshot;
}

namespace enforcer::control {

namespace asio = boost::asio;

/// The Upgrade header of an exec: what follows are the frames of hostproto/exec_frame.h.
inline constexpr std::string_view kExecProtocol = "enforcer-exec/1";

/// Who is asking, by the kernel's word (SO_PEERCRED): for records of changes.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;  ///< the primary one
  pid_t pid = 0;
  Role role = Role::kNone;  ///< whoever is no admin is told less of credentials
  int connection = -1;      ///< theirs to us, for those who take nobody's word for it; borrowed until the answer
};

/// How the last attempt to load the policies ended. A failed one changes nothing: the last good generation stays in
/// force.
struct ReloadState {
  bool successful = true;
  WallClock::time_point time;
  std::string error;  ///< empty when successful; else one line, "FILE:LINE:COLUMN: error[...]: ..." and how many more
};

struct AuditHealth {
  bool healthy = true;  ///< false: records cannot be written, so every new decision is a denial
  std::string path;
  std::uint64_t events = 0;
  std::uint64_t write_errors = 0;
};

struct Status {
  std::string version;
  std::string instance;
  std::chrono::seconds uptime{};
  std::uint32_t workers = 0;
  std::uint64_t generation = 0;  ///< of the policies in force; 0: none was ever loaded, everything is denied
  ReloadState last_reload;
  std::uint32_t guests_running = 0;
  std::uint32_t guests_booting = 0;
  std::uint32_t guests_paused = 0;
  std::uint64_t connections = 0;  ///< open sessions of all guests
  bool hostd_connected = false;
  std::size_t reviews_pending = 0;   ///< requests that wait for people
  std::size_t watching_reviews = 0;  ///< those who watch them through this API
  std::string attach_mode;           ///< "tcx", "clsact"; empty while hostd was never connected
  std::string accelerator;           ///< "kvm", "tcg", "unknown"
  AuditHealth audit;
};

/// One problem of a policy file, as policy::Diagnostic says it.
struct Problem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string code;      ///< "E0102"
  std::string severity;  ///< "error", "warning"
  std::string message;
  std::string hint;
  std::string text;  ///< all of it as the compiler-style line(s) a person reads
  std::string page;  ///< where the code is explained, "policies/diagnostics.md#e0102"; empty: it has none
};

/// What came of loading policies. Not loaded is an answer, not an Error: the problems say why.
struct LoadAnswer {
  bool loaded = false;
  std::uint64_t generation = 0;  ///< in force now
  std::uint32_t guests = 0;      ///< that it decides about
  std::vector<Problem> problems;
};

struct Document {
  std::string name;  ///< what diagnostics call it (the file's name at the caller's)
  std::string text;  ///< YAML, one or more objects
};

/// How often something of one guest was decided since this enforcerd knows it: each name that it asked for, each
/// connection and each request. One that people agreed to counts as held and as allowed.
struct GuestDecisions {
  std::uint64_t allowed = 0;
  std::uint64_t denied = 0;
  std::uint64_t held = 0;
  friend bool operator==(const GuestDecisions&, const GuestDecisions&) = default;
};

struct GuestInfo {
  GuestName name;
  Labels labels;
  std::string kind;         ///< "microvm", "attached"
  std::string state;        ///< "booting", "running", "paused"
  std::string image;        ///< microvm only
  std::string accelerator;  ///< microvm only: "kvm", "tcg"
  Slot slot{};
  Epoch epoch{};
  IpAddress ipv4;
  IpAddress ipv6;
  std::optional<WallClock::time_point> paused_since;  ///< paused only
  uid_t owner = 0;                                    ///< whoever asked for it
  std::optional<WallClock::time_point> created;       ///< none: it is older than the hostd that would know
  std::vector<std::string> policies;                  ///< that select it, sorted; none: everything is denied
  GuestDecisions decisions;
  std::uint64_t connections = 0;  ///< open now
};

/// A folder of the host that a guest shares, at the same absolute path.
using Workspace = hostproto::Workspace;

struct CreateGuest {
  GuestName name;
  Labels labels;
  std::string image = "mini";
  std::uint32_t memory_mib = 0;  ///< 0: as the image says
  std::uint32_t cpus = 1;
  std::uint32_t disk_mib = hostproto::kDiskMib;  ///< of what the guest may write, if its image has a disk
  std::vector<Workspace> workspaces;             ///< at most hostproto::kMaxWorkspaces
  /// It is deleted behind its last command, whoever is left to do that, and when no command came within two minutes.
  bool ephemeral = false;
};

struct AttachGuest {
  GuestName name;
  Labels labels;
  std::string netns;  ///< path of the network namespace
};

/// Labels of a guest that are given or changed, and taken away.
struct LabelChange {
  Labels set;
  std::vector<std::string> remove;  ///< keys, none of them in `set`; one that the guest does not have is no error
};

/// How long a guest may stand still without a break (hostproto/messages.h says why).
inline constexpr std::chrono::seconds kMaxPause = hostproto::kMaxFreeze;

/// A guest that was just made or changed, and one line for the caller (a fallback that was taken), or empty.
struct GuestAnswer {
  GuestInfo guest;
  std::string warning;
};

/// One credential that is loaded. Never its value.
struct CredentialInfo {
  std::string name;
  std::string source;              ///< "file", "env", "exec", "store"
  std::vector<std::string> hosts;  ///< where it may go, as written
  std::vector<std::string> kinds;  ///< "bearer", "basic", "header", "query", each once
  std::string state;               ///< "ok", "missing", "failing", "not asked" (nobody had to ask for it yet)
  std::string error;               ///< missing, failing: why
  std::optional<WallClock::time_point> expires;
  std::string file;  ///< where it is declared
  int line = 0;
};

/// Variables of a guest's environment, by name. Placeholders: they only look like credentials.
using Variables = std::map<std::string, std::string, std::less<>>;

/// What came of asking for a credential's value again. Of a credential that is exchanged, the value is what came of it.
struct Rotation {
  bool changed = false;                          ///< requests get another one than the last, or there was none before
  std::optional<WallClock::time_point> expires;  ///< none: the source did not say
};

struct TestCredential {
  std::string name;
  std::string host;                ///< "api.github.com", "a.example:8443"; empty: the first one that it is bound to
  std::string path = "/";          ///< with a query, if any
  std::optional<GuestName> guest;  ///< as whose request, where values differ by guest; none: nobody's
};

/// What an origin answered to one GET with the credential in it.
struct CredentialTest {
  std::string host;
  Port port{};
  std::string path;
  unsigned status = 0;  ///< of HTTP, 200-599
  std::chrono::milliseconds took{};
};

/// The CA that a guest trusts.
struct AuthorityInfo {
  std::string pem;
  std::string subject;      ///< "CN=...", printable ASCII
  std::string fingerprint;  ///< SHA-256 of the certificate, "AB:CD:..."
  WallClock::time_point not_before;
  WallClock::time_point not_after;
};

/// What one person says about one held request.
struct ReviewDecision {
  enum class Say { kApprove, kReject };
  Say say = Say::kReject;
  std::string id;
  std::string fingerprint;  ///< of the request that they were shown, 64 hex digits: a verdict is about nothing else
  std::string comment;      ///< printable or not: it is data; at most 1024 octets
};

/// What happened to a ticket, and who did it.
struct ReviewNews {
  std::string change;                  ///< review::Change's label, or "standing": it was there when watching began
  std::optional<review::Reviewer> by;  ///< none: no person
  review::Ticket ticket;
};

/// One watcher's view of the desk. While it lives somebody is there to be asked.
class ReviewFeed {
 public:
  virtual ~ReviewFeed() = default;

  /// First what is pending or approved, then every change. Waits as long as it takes. kUnavailable: too much happened
  /// while nobody took it, so some of it was dropped: ask again from the start.
  virtual asio::awaitable<Result<ReviewNews>> next() = 0;
};

/// A command channel of a microVM, held by one caller at a time: destroying it gives it back. The frames are those
/// of hostproto/exec_frame.h. send() and receive() may each be awaited once at the same time.
class ExecChannel {
 public:
  virtual ~ExecChannel() = default;

  /// kTimeout when the guest takes no byte for a while (the implementation's deadline), kUnavailable when it is gone.
  virtual asio::awaitable<Result<>> send(hostproto::Frame frame) = 0;

  /// The next frame of the guest ('O', 'E', 'I', 'R'). A command may be silent for hours, so the wait ends with a
  /// frame, with the guest (kUnavailable), or with close(): the server calls that when its client is gone.
  virtual asio::awaitable<Result<hostproto::Frame>> receive() = 0;

  /// Makes pending and later calls fail with kUnavailable at once. Idempotent; never blocks.
  virtual void close() = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual asio::awaitable<Result<Status>> status() = 0;

  /// Writes to the audit log that callers were refused for want of a role, so often. `detail`: one line for people.
  virtual void record_refusal(std::string_view detail, std::uint64_t count) = 0;

  /// The policies in force; null before the first successful load (everything is denied).
  [[nodiscard]] virtual std::shared_ptr<const policy::Snapshot> snapshot() const = 0;

  /// The audit file that `log` reads.
  [[nodiscard]] virtual std::string audit_path() const = 0;

  /// Reads every configured file and every applied object again and puts them in force, all or nothing. This, apply()
  /// and roll_back() answer when every guest's next decision is made by it, and live sessions have been decided again.
  virtual asio::awaitable<Result<LoadAnswer>> reload(Caller caller) = 0;

  /// Stores each object of the documents (replacing one of the same kind and name) and reloads, all or nothing.
  /// kConflict when an object is also in a configured file.
  virtual asio::awaitable<Result<LoadAnswer>> apply(Caller caller, std::vector<Document> documents) = 0;

  virtual asio::awaitable<Result<std::vector<GuestInfo>>> guests() = 0;

  /// kNotFound: no such guest; kUnavailable: it has no CA.
  virtual asio::awaitable<Result<AuthorityInfo>> authority(GuestName name) = 0;

  /// The placeholders of the credentials that the guest's policies may add. The same while the guest lives and its
  /// policies stay. kNotFound: no such guest.
  virtual asio::awaitable<Result<Variables>> guest_environment(GuestName name) = 0;

  /// Answers when the guest exists, which is before it has booted. kConflict: the name is taken; kUnavailable: no
  /// hostd; kInvalid, kNotFound, kDenied: a workspace that is none, is not there, or that the caller may not share.
  virtual asio::awaitable<Result<GuestAnswer>> create_guest(Caller caller, CreateGuest request) = 0;

  /// kConflict: the name is taken or the namespace is not empty.
  virtual asio::awaitable<Result<GuestAnswer>> attach_guest(Caller caller, AttachGuest request) = 0;

  /// Ends a microVM; takes our link out of an attached namespace. Answers when its sessions are closed. kNotFound.
  virtual asio::awaitable<Result<>> delete_guest(Caller caller, GuestName name) = 0;

  /// A microVM stands still, for at most `most` (1 s to kMaxPause); answers when it does. Again: the later
  /// of both times counts. kNotFound; kInvalid: an attached namespace; kConflict: still booting; kUnavailable: no
  /// hostd.
  virtual asio::awaitable<Result<GuestAnswer>> pause_guest(Caller caller, GuestName name,
                                                           std::chrono::seconds most) = 0;

  /// It runs on, also one that was not paused; answers when it does. With a warning when requests of it are held by a
  /// rule that pauses: it stands still until they are decided. kNotFound; kInvalid; kUnavailable.
  virtual asio::awaitable<Result<GuestAnswer>> resume_guest(Caller caller, GuestName name) = 0;

  /// A command channel of a running microVM. kNotFound; kConflict: still booting, paused, or as many commands run in it
  /// as it has channels (hostproto::kExecChannels); kInvalid: an attached namespace, which has none; kUnavailable: the
  /// guest does not answer, or its channels are out of order.
  virtual asio::awaitable<Result<std::unique_ptr<ExecChannel>>> exec(Caller caller, GuestName name) = 0;

  /// Every loaded credential, sorted by name. No command is run for it.
  virtual asio::awaitable<Result<std::vector<CredentialInfo>>> credentials() = 0;

  /// Stores a value, which may have lines; in force for the next request. kNotFound: no credential of that name is
  /// loaded; kConflict: its value does not come from the store; kInvalid: it is not what the credential wants.
  virtual asio::awaitable<Result<>> set_credential(Caller caller, std::string name, Secret value) = 0;

  /// Removes a stored value. kNotFound: there is none; kConflict: as above.
  virtual asio::awaitable<Result<>> delete_credential(Caller caller, std::string name) = 0;

  /// Asks the source for the value again, now: the one before is good no more, whatever comes of it. What was sent with
  /// it is closed, also when the same value comes again. kNotFound: no credential of that name is loaded; kConflict:
  /// its value is stored and not exchanged, so there is nobody to ask; kUnavailable: the source failed.
  virtual asio::awaitable<Result<Rotation>> rotate_credential(Caller caller, std::string name) = 0;

  /// Sends one GET with the credential, to a host that it is bound to. kNotFound: no such credential or guest;
  /// kConflict: it is not bound to that host, or to no host in particular and none was given; kInvalid: no host or
  /// path; kUnavailable, kTimeout: there is no value, or no answer.
  virtual asio::awaitable<Result<CredentialTest>> test_credential(Caller caller, TestCredential request) = 0;

  /// Newest first; ended ones for as long as they are remembered.
  virtual asio::awaitable<Result<std::vector<review::Ticket>>> reviews() = 0;

  /// kNotFound.
  virtual asio::awaitable<Result<review::Ticket>> review(std::string id) = 0;

  /// The ticket as it stands then. kNotFound; kConflict: it is decided already, or its request is not the one that the
  /// fingerprint says; kDenied: this person may not decide about it.
  virtual asio::awaitable<Result<review::Ticket>> decide_review(Caller caller, ReviewDecision decision) = 0;

  [[nodiscard]] virtual std::unique_ptr<ReviewFeed> watch_reviews() = 0;

  /// What was applied becomes what it was in that generation, as a new one. kNotFound: it is not kept; kConflict: it is
  /// in force, or had other configured files, which are not the daemon's to write.
  virtual asio::awaitable<Result<LoadAnswer>> roll_back(Caller caller, std::uint64_t generation) = 0;

  /// Those that are kept, oldest first.
  [[nodiscard]] virtual std::vector<GenerationInfo> generations() const = 0;

  /// Every object of a generation; none given: of the one in force. kNotFound: it is not kept.
  [[nodiscard]] virtual Result<PolicyTexts> policy_texts(std::optional<std::uint64_t> generation) const = 0;

  /// Answers when the policies that select the guest by its labels now are in force, and its live sessions have been
  /// decided again. kNotFound; kInvalid: labels that none can be, or too many; kUnavailable: no hostd, which keeps
  /// them.
  virtual asio::awaitable<Result<GuestAnswer>> label_guest(Caller caller, GuestName name, LabelChange change) = 0;
};

}  // namespace enforcer::control
