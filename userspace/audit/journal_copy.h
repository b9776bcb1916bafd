// JournalCopy: each record also as an entry of the systemd journal, with its fields, in the native protocol of the
// journal (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram of KEY=VALUE lines for an entry.
//
// The file is the record, this is a copy: nobody waits for it. Writers leave their lines in a bounded buffer, and a
// thread sends them. What does not fit, because the journal is slow, and what the journal does not take is lost and
// counted; the log reports it as `journal_gap` (log.h). Each datagram names its destination, so a journal that comes
// back is found again.
//
// Each field of the record is ENFORCER_<ITS NAME>, texts escaped as they are in the file; `labels` and `would` are
// JSON. MESSAGE says in a line what it is, PRIORITY is 5 (notice) for what was refused and for events, 4 (warning) for
// what says that the log has a gap or was changed, else 6 (info).
#pragma once

#include <sys/un.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::audit {

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

/// One record as an entry of the journal; `line` is a record of the log.
[[nodiscard]] std::string journal_entry(std::string_view line);

class JournalCopy {
 public:
  /// Bytes of lines that may wait.
  static constexpr std::size_t kMostWaiting = 4 << 20;

  /// Starts the thread. That nobody listens at `path` is no error now, but one for each record.
  static Result<std::unique_ptr<JournalCopy>> start(std::string path = kJournalSocket);
  /// Sends what waits, unless the journal is slow, and ends the thread.
  ~JournalCopy() = default;

  /// Takes whole lines, never waits. Thread-safe.
  void offer(std::string_view lines);

  /// Records that were not copied. Any thread.
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  JournalCopy(Fd socket, const sockaddr_un& address);

  void run(std::stop_token stop);
  void send_all(std::string_view lines, std::stop_token stop);
  [[nodiscard]] bool send(std::string_view entry, std::stop_token stop);

  Fd socket_;
  const sockaddr_un address_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::string waiting_;  ///< guarded by mutex_
  std::atomic<std::uint64_t> lost_{0};
  std::jthread thread_;
};

}  // namespace enforcer::audit
