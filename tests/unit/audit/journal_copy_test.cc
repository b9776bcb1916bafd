// The journal's side is a datagram socket of the test's own, and its protocol is parsed as journald does.
#include "audit/journal_copy.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/fd.h"
#include "scratch.h"

namespace enforcer::audit {
namespace {

using Entry = std::multimap<std::string, std::string>;

class FakeJournal {
 public:
  explicit FakeJournal(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::ranges::copy(path, address.sun_path);
    REQUIRE(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  }

  /// The next datagram; empty after three seconds without one.
  std::string next() {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (poll(&waiting, 1, 3000) != 1) return "";
    std::string datagram(1 << 20, '\0');
    datagram.resize(
        static_cast<std::size_t>(std::max<ssize_t>(0, recv(socket_.get(), datagram.data(), datagram.size(), 0))));
    return datagram;
  }

 private:
  Fd socket_;
};

/// systemd.io/JOURNAL_NATIVE_PROTOCOL: KEY=VALUE lines; a line without '=' begins a value with its length in front.
Entry parse_entry(const std::string& datagram) {
  Entry entry;
  std::size_t at = 0;
  while (at < datagram.size()) {
    const auto end = datagram.find('\n', at);
    REQUIRE(end != std::string::npos);
    const std::string line = datagram.substr(at, end - at);
    const auto equals = line.find('=');
    REQUIRE(equals != std::string::npos);
    const std::string key = line.substr(0, equals);
    // What journald takes from a client: journal_field_valid().
    CHECK((!key.empty() && key.size() <= 64 && key[0] >= 'A' && key[0] <= 'Z'));
    CHECK(
        std::ranges::all_of(key, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }));
    entry.emplace(key, line.substr(equals + 1));
    at = end + 1;
  }
  return entry;
}

std::string only(const Entry& entry, const std::string& key) {
  CAPTURE(key);
  REQUIRE(entry.count(key) == 1);
  return entry.find(key)->second;
}

std::unique_ptr<JournalCopy> copy_to_path(std::string path) {
  auto copy = JournalCopy::start(std::move(path));
  REQUIRE(copy.has_value());
  return *std::move(copy);
}

template <class Reached>
bool soon(Reached reached) {
  for (int i = 0; i < 600 && !reached(); ++i) usleep(5000);
  return reached();
}

TEST_CASE("each_record_is_an_entry_with_its_fields") {
  const Folder folder;
  FakeJournal journal(folder.path() + "/socket");
  const auto log = open_log({.path = folder.log()});
  log->copy_to(copy_to_path(folder.path() + "/socket"));
  const Labels labels{{"role", "agent"}};
  const DecisionRecord denied{.id = DecisionId::make(),
                              .subject = {.guest = &guest(), .epoch = Epoch{1}, .labels = &labels},
                              .layer = policy::Layer::kHttp,
                              .decision = {.reason = policy::Reason::kNoRule, .would = {}},
                              .generation = 3,
                              .host = "evil.test\nPRIORITY=0",
                              .port = Port{443},
                              .method = "GET",
                              .path = "/a"};
  Lines lines;
  lines.add(WallClock::now(), [&](std::string& out) { append_body(out, denied); });
  REQUIRE(log->write(lines));
  REQUIRE(log->write(some_lines(2)));

  const Entry entry = parse_entry(journal.next());
  const auto record = records_of(folder.log()).front();
  CHECK(only(entry, "PRIORITY") == "5");
  CHECK(only(entry, "SYSLOG_IDENTIFIER") == "enforcerd");
  CHECK(only(entry, "ENFORCER_DECISION_ID") == denied.id.text());
  CHECK(only(entry, "ENFORCER_GUEST") == "builder-7");
  CHECK(only(entry, "ENFORCER_DECISION") == "deny");
  CHECK(only(entry, "ENFORCER_REASON") == record["reason"].get<std::string>());
  CHECK(only(entry, "ENFORCER_SEQ") == "1");
  CHECK(only(entry, "ENFORCER_LABELS") == R"({"role":"agent"})");
  CHECK(only(entry, "ENFORCER_HOST") == R"(evil.test\\x0aPRIORITY=0)");
  CHECK(only(entry, "ENFORCER_HASH") == record["hash"].get<std::string>());
  CHECK(only(entry, "MESSAGE").starts_with("deny http GET evil.test"));
  // No field of the record is missing.
  CHECK(entry.size() == record.size() + 3);
  CHECK(only(parse_entry(journal.next()), "ENFORCER_SEQ") == "2");
  CHECK(only(parse_entry(journal.next()), "ENFORCER_SEQ") == "3");
  CHECK(log->copy_errors() == 0);
}

TEST_CASE("what_the_journal_does_not_take_is_counted_and_recorded_and_it_is_found_again") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  log->copy_to(copy_to_path(folder.path() + "/socket"));  // nobody there
  REQUIRE(log->write(some_lines(3)));
  REQUIRE(soon([&] { return log->copy_errors() == 3; }));
  CHECK(log->healthy());
  REQUIRE(log->sync());
  const auto records = records_of(folder.log());
  REQUIRE(records.size() == 4);
  CHECK(records[3]["event"] == "journal_gap");
  CHECK(records[3]["count"] == 3);
  // Once a minute at most, and not of itself.
  REQUIRE(log->sync());
  CHECK(log->copy_errors() == 3);
  CHECK(records_of(folder.log()).size() == 4);

  FakeJournal journal(folder.path() + "/socket");
  REQUIRE(log->write(some_lines(1)));
  CHECK(only(parse_entry(journal.next()), "ENFORCER_SEQ") == "5");
}

TEST_CASE("a_journal_that_does_not_read_keeps_no_writer_waiting") {
  const Folder folder;
  const FakeJournal journal(folder.path() + "/socket");
  const auto log = open_log({.path = folder.log()});
  log->copy_to(copy_to_path(folder.path() + "/socket"));
  // Far more than its queue and our buffer take: the writes go on, and each record is in the file.
  std::size_t written = 0;
  while (log->copy_errors() == 0 && written < 100'000) {
    REQUIRE(log->write(some_lines(50, 400)));
    written += 50;
  }
  CHECK(log->copy_errors() > 0);
  CHECK(log->events() == written);
  CHECK(log->write_errors() == 0);
}

TEST_CASE("what_waits_is_sent_at_the_end") {
  const Folder folder;
  FakeJournal journal(folder.path() + "/socket");
  {
    const auto log = open_log({.path = folder.log()});
    log->copy_to(copy_to_path(folder.path() + "/socket"));
    REQUIRE(log->write(some_lines(5)));
  }
  for (int seq = 1; seq <= 5; ++seq) CHECK(only(parse_entry(journal.next()), "ENFORCER_SEQ") == std::to_string(seq));
}

TEST_CASE("events_about_the_log_are_warnings_and_the_message_says_what_it_is") {
  const auto entry_of = [](std::string_view fields) {
    return parse_entry(journal_entry(R"({"schema_version":1,"seq":1,"time":"t",)" + std::string(fields) + "}"));
  };
  CHECK(only(entry_of(R"("type":"event","event":"audit_gap","detail":"d")"), "PRIORITY") == "4");
  CHECK(only(entry_of(R"("type":"event","event":"policy_reload","detail":"d")"), "PRIORITY") == "5");
  CHECK(only(entry_of(R"("type":"decision","decision":"allow","layer":"tls","host":"ok.test")"), "PRIORITY") == "6");
  CHECK(only(entry_of(R"("type":"event","event":"policy_reload","detail":"d")"), "MESSAGE") ==
        "event policy_reload: d");
  CHECK(only(entry_of(R"("type":"end","layer":"tls","host":"ok.test","outcome":"completed")"), "MESSAGE") ==
        "end tls ok.test completed");
  CHECK(only(entry_of(R"("type":"datapath","decision":"deny","drop":"l2_vlan","reason":"datapath")"), "MESSAGE") ==
        "deny l2_vlan datapath");
}

TEST_CASE("a_path_too_long_for_a_socket_is_refused") {
  CHECK(JournalCopy::start(std::string(200, 'x')).error().code == Errc::kInvalid);
}

}  // namespace
}  // namespace enforcer::audit
