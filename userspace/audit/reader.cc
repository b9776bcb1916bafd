#include "audit/reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "audit/fields.h"
#include "audit/files.h"

namespace enforcer::audit {
namespace {

constexpr std::size_t kBlock = BackwardLines::kBlock;
constexpr std::size_t kLinesPerStep = 500;  ///< about what a block holds

Result<off_t> size_of(const Fd& file) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail_errno("reading the audit log");
  return status.st_size;
}

/// Whether a file was last written before `since`; such a file holds nothing that is wanted.
bool ended_before(const Fd& file, WallClock::time_point since) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return false;
  return status.st_mtim.tv_sec < std::chrono::floor<std::chrono::seconds>(since.time_since_epoch()).count();
}

}  // namespace

Result<Reader> Reader::open(std::string path, Filter filter) {
  Reader reader(std::move(path), std::move(filter));
  if (reader.filter_.last == 0) {
    TRY_VOID(reader.start_at_oldest());
    return reader;
  }
  const auto newest = first_existing(reader.path_, 0, Towards::kOlder);
  if (!newest) return fail(Errc::kNotFound, reader.path_ + ": no such audit log");
  reader.file_ = TRY(open_for_reading(file_name(reader.path_, *newest)));
  reader.offset_ = TRY(size_of(reader.file_));
  reader.backward_.emplace(reader.file_.get(), reader.offset_);
  return reader;
}

Result<> Reader::start_at_oldest() {
  auto age = first_existing(path_, kMaxFiles - 1, Towards::kNewer);
  if (!age) return fail(Errc::kNotFound, path_ + ": no such audit log");
  while (true) {
    file_ = TRY(open_for_reading(file_name(path_, *age)));
    offset_ = 0;
    if (*age == 0 || !filter_.since || !ended_before(file_, *filter_.since)) return {};
    const auto newer = first_existing(path_, *age - 1, Towards::kNewer);
    if (!newer) return {};
    age = newer;
  }
}

Result<Reader::Step> Reader::step() {
  if (backward_) {
    TRY_VOID(seek_last());
    return Step{};
  }
  return found_.empty() ? read_on() : Step{.lines = take_found()};
}

std::vector<std::string> Reader::take_found() {
  const auto end = found_.begin() + static_cast<std::ptrdiff_t>(std::min(found_.size(), kLinesPerStep));
  std::vector<std::string> lines(std::move_iterator(found_.begin()), std::move_iterator(end));
  found_.erase(found_.begin(), end);
  return lines;
}

bool Reader::wants(std::string_view line) {
  if (line.empty()) return false;  // what ended a torn line (log.h)
  if (is_record(line)) return filter_.matches(line);
  ++skipped_;
  return false;
}

Result<> Reader::seek_last() {
  for (const std::string_view line : TRY(backward_->step())) {
    if (found_.size() < filter_.last && wants(line)) found_.emplace_front(line);
  }
  if (!older_.valid() && backward_->last_line_end() >= 0) offset_ = backward_->last_line_end();
  const bool enough = found_.size() >= filter_.last;
  if (!enough && (!backward_->at_begin() || TRY(go_to_older_file()))) return {};
  backward_.reset();
  older_.reset();
  return {};
}

Result<bool> Reader::go_to_older_file() {
  Fd file = TRY(open_neighbour(path_, older_.valid() ? older_.get() : file_.get(), Towards::kOlder));
  if (!file.valid() || (filter_.since && ended_before(file, *filter_.since))) return false;
  const off_t size = TRY(size_of(file));
  older_ = std::move(file);
  backward_.emplace(older_.get(), size);
  return true;
}

Result<Reader::Step> Reader::read_on() {
  // Asked before reading: a file that was already rotated then gets no more lines, so its end is its end.
  const bool newest = names_file(path_, file_.get());
  block_.resize(kBlock);
  const ssize_t count = pread(file_.get(), block_.data(), block_.size(), offset_);
  if (count < 0) return fail_errno("reading the audit log");
  std::string_view text(block_.data(), static_cast<std::size_t>(count));
  const auto newline = text.rfind('\n');
  Step step;
  if (newline == std::string_view::npos) {
    if (text.size() == kBlock) {  // no record is that long
      offset_ += count;
      ++skipped_;
      return step;
    }
    if (newest) {
      // A record that was taken back after it was read: what comes next comes where the file ends now.
      if (text.empty()) offset_ = std::min(offset_, TRY(size_of(file_)));
      step.caught_up = true;
      return step;
    }
    const bool torn = !text.empty();
    step.caught_up = !TRY(go_to_newer_file());
    if (torn && !step.caught_up) ++skipped_;
    return step;
  }
  text = text.substr(0, newline + 1);
  offset_ += static_cast<off_t>(text.size());
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (wants(line)) step.lines.emplace_back(line);
    text.remove_prefix(end + 1);
  }
  return step;
}

Result<bool> Reader::go_to_newer_file() {
  Fd file = TRY(open_neighbour(path_, file_.get(), Towards::kNewer));
  if (!file.valid()) return false;
  file_ = std::move(file);
  offset_ = 0;
  return true;
}

}  // namespace enforcer::audit
