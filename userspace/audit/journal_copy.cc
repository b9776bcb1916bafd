#include "audit/journal_copy.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "audit/fields.h"
#include "base/ascii.h"
#include "base/deadline.h"

namespace enforcer::audit {
namespace {

/// How long the thread waits for a journal that takes nothing. What is written meanwhile fills the buffer.
constexpr std::chrono::seconds kPatience{1};

/// A field's name as the journal wants it: capitals, digits and '_' (journald drops the field otherwise).
std::string journal_key(std::string_view key) {
  std::string name = "ENFORCER_";
  for (const char c : key)
    name += ascii::is_lower(c) ? static_cast<char>(c - 'a' + 'A') : ascii::is_alphanumeric(c) ? c : '_';
  return name;
}

void add_word(std::string& message, std::string_view word, std::string_view before = " ") {
  if (word.empty()) return;
  if (!message.empty()) message += before;
  message += word;
}

/// "deny http GET api.github.com/repos no_rule"
std::string message_of(std::string_view line) {
  const std::string_view type = field(line, "type");
  std::string message;
  add_word(message, type == "decision" || type == "datapath" ? field(line, "decision") : type);
  for (const char* key : {"layer", "event", "drop", "method", "host"}) add_word(message, field(line, key));
  add_word(message, field(line, "path"), "");
  for (const char* key : {"reason", "outcome"}) add_word(message, field(line, key));
  add_word(message, field(line, "detail"), ": ");
  return message;
}

int priority_of(std::string_view line) {
  constexpr std::string_view kAboutTheLog[] = {"audit_gap", "audit_torn", "audit_chain_broken"};
  if (std::ranges::find(kAboutTheLog, field(line, "event")) != std::end(kAboutTheLog)) return 4;
  return field(line, "type") == "event" || field(line, "decision") == "deny" ? 5 : 6;
}

}  // namespace

std::string journal_entry(std::string_view line) {
  std::string entry =
      fmt::format("MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER=enforcerd\n", message_of(line), priority_of(line));
  // A record is printable ASCII throughout, so no value has a newline, which would need the protocol's other form.
  FieldReader fields(line);
  while (const auto next = fields.next()) entry += fmt::format("{}={}\n", journal_key(next->key), next->value);
  return entry;
}

Result<std::unique_ptr<JournalCopy>> JournalCopy::start(std::string path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof(address.sun_path)) return fail(Errc::kInvalid, path + ": too long for a socket");
  std::ranges::copy(path, address.sun_path);
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return fail_errno("a socket for the journal");
  return std::unique_ptr<JournalCopy>(new JournalCopy(std::move(socket), address));
}

JournalCopy::JournalCopy(Fd socket, const sockaddr_un& address)
    : socket_(std::move(socket)), address_(address), thread_([this](std::stop_token stop) { run(stop); }) {
  pthread_setname_np(thread_.native_handle(), "audit-journal");
}

void JournalCopy::offer(std::string_view lines) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() + lines.size() > kMostWaiting) {
    std::uint64_t records = 0;
    for (const char c : lines) records += c == '\n' ? 1 : 0;
    lost_.fetch_add(records, std::memory_order_relaxed);
    return;
  }
  waiting_ += lines;
  wake_.notify_one();
}

void JournalCopy::run(std::stop_token stop) {
  std::string lines;
  while (true) {
    lines.clear();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [&] { return !waiting_.empty(); });
      lines.swap(waiting_);
    }
    if (lines.empty()) return;  // asked to stop, and nothing is left
    send_all(lines, stop);
  }
}

void JournalCopy::send_all(std::string_view lines, std::stop_token stop) {
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    // Empty: what ended a torn line (log.h).
    if (!line.empty() && !send(journal_entry(line), stop)) lost_.fetch_add(1, std::memory_order_relaxed);
  }
}

bool JournalCopy::send(std::string_view entry, std::stop_token stop) {
  const auto* to = reinterpret_cast<const sockaddr*>(&address_);
  const auto patience = Deadline::after(kPatience);
  while (true) {
    if (sendto(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL, to, sizeof(address_)) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || stop.stop_requested() || patience.passed()) return false;
    // The queue of the receiver is full, which no poll of an unconnected socket sees.
    constexpr std::chrono::milliseconds kPause{5};
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace enforcer::audit
