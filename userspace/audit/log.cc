#include "audit/log.h"

#include <fcntl.h>
#include <fmt/compile.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "audit/files.h"
#include "audit/head.h"
#include "audit/record.h"
#include "audit/resume.h"
#include "base/log.h"

namespace enforcer::audit {
namespace {

/// What the writer adds to a body at most: version, number, time, braces, links.
constexpr std::size_t kLineOverhead = 96 + kLinkBytes;
constexpr std::chrono::minutes kBetweenReports{1};

/// Whether a file that is not empty begins as a log does, even one that was torn in its first line.
Result<bool> begins_as_log(int fd) {
  constexpr std::string_view kBegin = "{\"schema_version\":";
  std::array<char, kBegin.size()> bytes;
  const ssize_t count = pread(fd, bytes.data(), bytes.size(), 0);
  if (count < 0) return fail_errno("reading the audit log");
  return kBegin.starts_with(std::string_view(bytes.data(), static_cast<std::size_t>(count)));
}

Result<char> last_byte(int fd, off_t size) {
  char byte = 0;
  if (pread(fd, &byte, 1, size - 1) != 1) return fail_errno("reading the audit log");
  return byte;
}

Result<> make_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return {};
  const std::string folder = path.substr(0, slash);
  if (mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) return fail_errno(folder);
  return {};
}

}  // namespace

class Log::Turn {
 public:
  /// Waits for as long as it takes: for those whom nobody waits for.
  explicit Turn(Log& log) : log_(log), lock_(log.mutex_) { begin(); }
  /// Waits until another's turn has lasted for `patience`.
  Turn(Log& log, std::chrono::nanoseconds patience) : log_(log), lock_(log.mutex_, std::try_to_lock) {
    // A slow disk gives each one its turn in the end. Bounded all the same: this is a worker's time.
    constexpr int kMostTurns = 4;
    for (int turns = 0; !lock_.owns_lock() && turns < kMostTurns; ++turns) {
      const auto began = log.turn_began_.load(std::memory_order_relaxed);
      const auto until = (began == Monotonic::time_point{} ? Monotonic::now() : began) + patience;
      if (lock_.try_lock_until(until) || log.turn_began_.load(std::memory_order_relaxed) == began) break;
    }
    if (lock_.owns_lock()) begin();
  }
  ~Turn() {
    if (lock_.owns_lock()) log_.turn_began_.store({}, std::memory_order_relaxed);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  [[nodiscard]] bool ours() const { return lock_.owns_lock(); }

 private:
  void begin() { log_.turn_began_.store(Monotonic::now(), std::memory_order_relaxed); }

  Log& log_;
  std::unique_lock<std::timed_mutex> lock_;
};

Result<std::unique_ptr<Log>> Log::open(LogOptions options) {
  if (options.max_files < 1 || options.max_files > kMaxFiles) {
    return fail(Errc::kInvalid, fmt::format("an audit log has 1-{} files", kMaxFiles));
  }
  TRY_VOID(make_folder_of(options.path));
  std::unique_ptr<Log> log(new Log(std::move(options)));
  const Turn turn(*log);
  TRY_VOID(log->open_current());
  Resumption end = TRY(find_end(log->options_.path));
  log->head_ = end.head;
  log->broken_ = std::move(end.problem);
  log->missing_ = end.missing;
  if (!log->broken_.empty()) log_error("audit: {}", log->broken_);
  // From the start, so that a log with records and without this file is one from which it was taken.
  if (const auto noted = log->note_head(log->head_); !noted) log_error("audit: {}", noted.error().message);
  return log;
}

Result<> Log::open_current() {
  const char* path = options_.path.c_str();
  // O_NONBLOCK: somebody may have put a FIFO there; it means nothing for a regular file.
  Fd file(::open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640));
  if (!file.valid()) return fail_errno(options_.path);
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail_errno(options_.path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, fmt::format("{}: not a regular file", options_.path));
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(options_.path);
    return fail(Errc::kConflict, fmt::format("{}: another process writes this audit log", options_.path));
  }
  if (status.st_size > 0) {
    if (!TRY(begins_as_log(file.get()))) {
      return fail(Errc::kInvalid, fmt::format("{}: holds no audit record; move it away", options_.path));
    }
    if (TRY(last_byte(file.get(), status.st_size)) != '\n') torn_ = true;
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
  file_ = std::move(file);
  return {};
}

Result<> Log::write(const Lines& lines) {
  return write(lines, Copied::kYes);
}

Result<> Log::write(const Lines& lines, Copied copied) {
  if (lines.empty()) return {};
  Result<> written = fail(Errc::kTimeout, fmt::format("{}: the disk takes nothing", options_.path));
  bool was_healthy = true;
  {
    const Turn turn(*this, kPatience);
    if (turn.ours()) written = write_locked(lines);
    if (!written) lost_.fetch_add(lines.size(), std::memory_order_relaxed);
    if (written && copy_ && copied == Copied::kYes) copy_->offer(out_);
    was_healthy = healthy_.exchange(written.has_value(), std::memory_order_relaxed);
  }
  (written ? events_ : write_errors_).fetch_add(lines.size(), std::memory_order_relaxed);
  if (!written && was_healthy)
    log_error("audit: {}; every new decision is a denial until it works again", written.error().message);
  if (written && !was_healthy) log_info("audit: records can be written again");
  return written;
}

Result<> Log::write_locked(const Lines& lines) {
  if (!file_.valid()) TRY_VOID(open_current());
  constexpr std::size_t kMostNotices = 3;
  told_ = lost_.load(std::memory_order_relaxed);
  const bool notices = torn_ || told_ > 0 || !broken_.empty();
  const std::size_t records = lines.size() + (notices ? kMostNotices : 0);
  TRY_VOID(make_room(lines.bytes() + broken_.size() + records * kLineOverhead));
  out_.clear();
  added_.clear();
  if (torn_) {
    if (size_ > 0) out_ += '\n';
    add_notice({"audit_torn", "the line before this record was never whole"});
  }
  if (!broken_.empty()) add_notice({"audit_chain_broken", broken_, missing_});
  if (told_ > 0) add_notice({"audit_gap", "records that could not be written", told_});
  notices_ = added_.size();
  for (std::size_t i = 0; i < lines.size(); ++i) add_line(lines.at(i));
  TRY_VOID(put());
  head_ = added_.back().head;
  lost_.fetch_sub(told_, std::memory_order_relaxed);
  torn_ = false;
  broken_.clear();
  return {};
}

void Log::add_notice(const Notice& notice) {
  std::string body;
  append_body(body, EventRecord{.event = notice.event, .detail = notice.detail, .count = notice.count});
  add_line({WallClock::now(), body});
}

void Log::add_line(const Lines::Line& line) {
  const Head& before = added_.empty() ? head_ : added_.back().head;
  const std::size_t begin = out_.size();
  fmt::format_to(std::back_inserter(out_), FMT_COMPILE("{{\"schema_version\":{},\"seq\":{},\"time\":\""),
                 kSchemaVersion, before.seq + 1);
  append_time(out_, line.time);
  out_ += "\",";
  out_ += line.body;
  const Head head = append_links(out_, begin, before.seq + 1, before.hash, hasher_);
  out_ += '\n';
  added_.push_back({out_.size(), head});
}

Result<> Log::put() {
  std::size_t written = 0;
  while (written < out_.size()) {
    write_calls_.fetch_add(1, std::memory_order_relaxed);
    // A short write is what a disk does that is nearly full; the rest then says why.
    const ssize_t count = ::write(file_.get(), out_.data() + written, out_.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      if (count == 0) errno = EIO;
      auto failure = fail_errno(fmt::format("writing {}", options_.path));
      if (written > 0) take_back(written);
      return failure;
    }
    written += static_cast<std::size_t>(count);
  }
  size_ += written;
  return {};
}

/// After a write of which only the first `written` bytes arrived.
void Log::take_back(std::size_t written) {
  if (ftruncate(file_.get(), static_cast<off_t>(size_)) == 0) return;
  // An append-only file (chattr +a) cannot be cut. Then what arrived stays: whole lines keep their numbers although
  // their sessions were denied, and the torn one is ended by the next write.
  const auto whole = std::ranges::count_if(added_, [&](const Added& line) { return line.end <= written; });
  if (whole > 0) head_ = added_[static_cast<std::size_t>(whole) - 1].head;
  if (whole > 0 && static_cast<std::size_t>(whole) >= notices_) {
    lost_.fetch_sub(told_, std::memory_order_relaxed);
    broken_.clear();
  }
  size_ += written;
  if (whole > 0) torn_ = false;
  if (out_[written - 1] != '\n') torn_ = true;
}

Result<> Log::make_room(std::size_t bytes) {
  if (size_ == 0 || size_ + bytes <= options_.max_bytes) return {};
  TRY_VOID(rotate());
  return open_current();
}

Result<> Log::rotate() {
  const std::string& path = options_.path;
  const unsigned oldest = options_.max_files - 1;
  // Freeing a large file takes the file system a while. As long as it is open that waits: for sync(), outside the
  // mutex.
  Fd doomed(::open(file_name(path, oldest).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (doomed.valid() && oldest > 0) retired_.push_back(std::move(doomed));
  if (oldest == 0 && unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(fmt::format("rotating {}", path));
  for (unsigned age = oldest; age > 0; --age) {
    const int status = rename(file_name(path, age - 1).c_str(), file_name(path, age).c_str());
    if (status != 0 && errno != ENOENT) return fail_errno(fmt::format("rotating {}", path));
  }
  if (file_.valid()) retired_.push_back(std::move(file_));
  size_ = 0;
  return {};
}

Result<> Log::sync() {
  const std::lock_guard only(syncing_);
  std::vector<Fd> files;
  Head head;
  {
    const Turn turn(*this);
    head = head_;
    files.swap(retired_);
    if (file_.valid()) {
      if (names_file(options_.path, file_.get())) {
        files.emplace_back(fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
      } else {
        log_warning("audit: {} was moved or deleted; going on in a new file", options_.path);
        files.push_back(std::move(file_));
      }
    }
  }
  Result<> result;
  for (const Fd& file : files) {
    if (!file.valid() || fdatasync(file.get()) != 0) result = fail_errno(fmt::format("syncing {}", options_.path));
  }
  if (result) result = note_head(head);
  if (!result) write_errors_.fetch_add(1, std::memory_order_relaxed);
  report_lost_copies();
  return result;
}

/// Only what is on the disk is noted: a head file that is ahead of the log would mean that records were removed.
Result<> Log::note_head(const Head& head) {
  if (head_file_ && noted_ == head) return {};
  TRY_VOID(write_head(options_.path, head));
  noted_ = head;
  head_file_ = true;
  return {};
}

void Log::report_lost_copies() {
  const std::uint64_t lost = copy_errors();
  const auto now = Monotonic::now();
  if (lost == reported_copies_ || now < next_report_) return;
  Lines lines;
  lines.add(WallClock::now(), [&](std::string& out) {
    append_body(out, EventRecord{.event = "journal_gap",
                                 .detail = "records that could not be copied to the journal",
                                 .count = lost - reported_copies_});
  });
  // Not copied: it would be lost as well, and be something to report.
  if (!write(lines, Copied::kNo)) return;
  reported_copies_ = lost;
  next_report_ = now + kBetweenReports;
}

}  // namespace enforcer::audit
