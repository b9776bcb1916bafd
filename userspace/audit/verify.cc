#include "audit/verify.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>

#include "audit/fields.h"
#include "audit/files.h"
#include "audit/head.h"
#include "base/deadline.h"

namespace enforcer::audit {
namespace {

constexpr std::size_t kBlockBytes = 1024 * 1024;  ///< far more than the longest record
/// A record that is being written is whole in a moment, which is longer for a writer that has to wait for a processor.
constexpr std::chrono::seconds kPatience{2};

class Verifier {
 public:
  explicit Verifier(const VerifyOptions& options) : path_(options.path), head_file_(options.head_file) {
    if (options.noted) check_.expect(*options.noted, "--head");
  }

  Result<Verification> run() {
    // First: the records that it speaks of are then in what is read after it.
    TRY_VOID(read_head_file());
    Fd file = TRY(open_oldest());
    while (file.valid() && !check_.hopeless()) {
      begin_file(file.get());
      TRY_VOID(read_lines(file.get()));
      Fd next = TRY(open_neighbour(path_, file.get(), Towards::kNewer));
      // What was written between the last look and the rotation; from now on it gets no more.
      if (next.valid()) TRY_VOID(read_lines(file.get()));
      file = std::move(next);
    }
    report_strange();
    return finish();
  }

 private:
  Result<> read_head_file() {
    const auto head = read_head(path_);
    if (!head && head.error().code != Errc::kInvalid) return std::unexpected(head.error());
    const std::string name = head_file_name(path_);
    if (!head) {
      unread_.push_back({ChainFault::kChanged, {}, 0, 0, head.error().message});
    } else if (*head) {
      out_.end = Verification::End::kProven;
      check_.expect(**head, name.substr(name.rfind('/') + 1));
    } else if (head_file_ == VerifyOptions::HeadFile::kRequired) {
      unread_.push_back({ChainFault::kRemoved, {}, 0, 0, name + " is missing: it says where the log ends"});
    }
    return {};
  }

  Result<Fd> open_oldest() {
    while (true) {
      const auto age = first_existing(path_, kMaxFiles - 1, Towards::kNewer);
      if (!age) return fail(Errc::kNotFound, path_ + ": no such audit log");
      auto file = open_for_reading(file_name(path_, *age));
      if (file || file.error().code != Errc::kNotFound) return file;  // else it was rotated away meanwhile
    }
  }

  /// The name that a file has now; it may get another one while it is read.
  std::string name_of(int fd) const {
    for (unsigned age = 0; age < kMaxFiles; ++age) {
      if (names_file(file_name(path_, age), fd)) return file_name(path_, age);
    }
    return path_ + " (rotated away)";
  }

  void begin_file(int fd) {
    out_.files.push_back(name_of(fd));
    place_ = {static_cast<unsigned>(out_.files.size() - 1), 0};
    offset_ = 0;
  }

  /// From where it was left off to where the file ends now.
  Result<> read_lines(int fd) {
    std::string block;
    Deadline patience = Deadline::after(kPatience);
    while (!check_.hopeless()) {
      // Asked before reading: what was already rotated then gets no more lines.
      const bool newest = names_file(path_, fd);
      block.resize(kBlockBytes);
      const ssize_t count = pread(fd, block.data(), block.size(), offset_);
      if (count < 0) return fail_errno("reading the audit log");
      std::string_view text(block.data(), static_cast<std::size_t>(count));
      const auto newline = text.rfind('\n');
      if (newline != std::string_view::npos) {
        text = text.substr(0, newline + 1);
      } else if (text.empty()) {
        return {};
      } else if (newest && !patience.passed() && text.size() < kBlockBytes) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      patience = Deadline::after(kPatience);
      offset_ += static_cast<off_t>(text.size());
      while (!text.empty() && !check_.hopeless()) {
        const auto end = text.find('\n');
        read_line(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      }
    }
    return {};
  }

  void read_line(std::string_view line) {
    ++place_.line;
    if (line.empty()) return;  // what ended a torn line
    const auto link = parse_link(line, hasher_);
    if (!link) {
      strange_.push_back(is_record(line)
                             ? ChainFinding{ChainFault::kInserted, place_, 0, 0, "it has no place in a chain"}
                             : ChainFinding{ChainFault::kTorn, place_, 0, 0, "it is not a record"});
      return;
    }
    if (!strange_.empty() && link->content == Link::Content::kIntact && field(line, "event") == "audit_torn") {
      ++out_.torn;
      strange_.pop_back();
    }
    report_strange();
    check_.add(*link, place_);
  }

  void report_strange() {
    for (ChainFinding& finding : std::exchange(strange_, {})) {
      if (unread_.size() < ChainCheck::kMost) unread_.push_back(std::move(finding));
    }
  }

  Verification finish() {
    out_.records = check_.records();
    out_.first = check_.first();
    if (check_.hopeless()) out_.end = Verification::End::kNotReached;
    out_.findings = check_.finish();
    out_.head = check_.head();
    out_.findings.insert(out_.findings.end(), unread_.begin(), unread_.end());
    std::ranges::sort(out_.findings, {}, [](const ChainFinding& each) { return std::tie(each.place, each.first); });
    return std::move(out_);
  }

  const std::string path_;
  const VerifyOptions::HeadFile head_file_;
  ChainCheck check_;
  Hasher hasher_;
  LinePlace place_;
  off_t offset_ = 0;                   ///< in the file at hand
  std::vector<ChainFinding> strange_;  ///< lines that are no records since the last one
  std::vector<ChainFinding> unread_;   ///< what is wrong besides the chain
  Verification out_;
};

}  // namespace

Result<Verification> verify(const VerifyOptions& options) {
  return Verifier(options).run();
}

}  // namespace enforcer::audit
