#include "audit/log.h"

#include <fcntl.h>
#include <fmt/compile.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "audit/backward.h"
#include "audit/fields.h"
#include "audit/files.h"
#include "audit/record.h"
#include "base/log.h"

namespace enforcer::audit {
namespace {

/// What the writer adds to a body at most: version, number, time, braces.
constexpr std::size_t kLineOverhead = 96;

/// The number of the last record in a file; 0 when the file has none.
Result<std::uint64_t> last_sequence(int fd, off_t size) {
  BackwardLines lines(fd, size);
  while (!lines.at_begin()) {
    for (const std::string_view line : TRY(lines.step())) {
      const std::string_view digits = is_record(line) ? field(line, "seq") : std::string_view{};
      std::uint64_t seq = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), seq);
      if (seq != 0) return seq;
    }
  }
  return std::uint64_t{0};
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

Result<std::unique_ptr<Log>> Log::open(LogOptions options) {
  if (options.max_files < 1 || options.max_files > kMaxFiles) {
    return fail(Errc::kInvalid, fmt::format("an audit log has 1-{} files", kMaxFiles));
  }
  TRY_VOID(make_folder_of(options.path));
  std::unique_ptr<Log> log(new Log(std::move(options)));
  const std::lock_guard lock(log->mutex_);
  TRY_VOID(log->open_current());
  if (log->size_ == 0) {
    // A run may have ended right after a rotation: the numbers go on from the file before.
    if (const auto older = first_existing(log->options_.path, 1, Towards::kOlder)) {
      const Fd file = TRY(open_for_reading(file_name(log->options_.path, *older)));
      log->next_seq_ = 1 + TRY(last_sequence(file.get(), lseek(file.get(), 0, SEEK_END)));
    }
  }
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
  torn_ = false;
  if (status.st_size > 0) {
    const std::uint64_t last = TRY(last_sequence(file.get(), status.st_size));
    if (last == 0) {
      return fail(Errc::kInvalid, fmt::format("{}: holds no audit record; move it away", options_.path));
    }
    next_seq_ = std::max(next_seq_, last + 1);
    torn_ = TRY(last_byte(file.get(), status.st_size)) != '\n';
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
  file_ = std::move(file);
  return {};
}

Result<> Log::write(const Lines& lines) {
  if (lines.empty()) return {};
  Result<> written;
  bool was_healthy = true;
  {
    const std::lock_guard lock(mutex_);
    written = write_locked(lines);
    if (!written) lost_ += lines.size();
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
  TRY_VOID(make_room(lines.bytes() + (lines.size() + 2) * kLineOverhead));
  out_.clear();
  line_ends_.clear();
  if (torn_) out_ += '\n';
  std::uint64_t seq = next_seq_;
  if (lost_ > 0) {
    std::string gap;
    append_body(gap, EventRecord{.event = "audit_gap", .detail = "records that could not be written", .count = lost_});
    add_line(seq++, {WallClock::now(), gap});
  }
  for (std::size_t i = 0; i < lines.size(); ++i) add_line(seq++, lines.at(i));
  TRY_VOID(put());
  next_seq_ = seq;
  lost_ = 0;
  torn_ = false;
  return {};
}

void Log::add_line(std::uint64_t seq, const Lines::Line& line) {
  fmt::format_to(std::back_inserter(out_), FMT_COMPILE("{{\"schema_version\":{},\"seq\":{},\"time\":\""),
                 kSchemaVersion, seq);
  append_time(out_, line.time);
  out_ += "\",";
  out_ += line.body;
  out_ += "}\n";
  line_ends_.push_back(out_.size());
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
  const auto whole = std::ranges::count_if(line_ends_, [&](std::size_t end) { return end <= written; });
  next_seq_ += static_cast<std::uint64_t>(whole);
  if (whole > 0) lost_ = 0;  // the gap, if any, was the first line
  size_ += written;
  torn_ = out_[written - 1] != '\n';
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
  std::vector<Fd> files;
  {
    const std::lock_guard lock(mutex_);
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
  if (!result) write_errors_.fetch_add(1, std::memory_order_relaxed);
  return result;
}

}  // namespace enforcer::audit
