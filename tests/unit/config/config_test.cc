#include "config/config.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "../temporary_folder.h"
#include "config/paths.h"

namespace enforcer::config {
namespace {

using namespace std::chrono_literals;

std::string problems(const std::string& text) {
  const ConfigOutcome outcome = parse_config({"enforcer.yaml", text});
  std::string all;
  for (const auto& diagnostic : outcome.diagnostics) all += diagnostic.to_string() + "\n";
  CHECK(outcome.config.has_value() == all.empty());
  return all;
}

Config must_parse(const std::string& text) {
  const ConfigOutcome outcome = parse_config({"enforcer.yaml", text});
  for (const auto& diagnostic : outcome.diagnostics) FAIL(diagnostic.to_string());
  return *outcome.config;
}

/// What is installed as /etc/enforcer/enforcer.yaml: every key with its default.
std::string shipped_file() {
  std::ifstream file(ENFORCER_SOURCE_DIR "/deploy/enforcer.yaml");
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Keys without "Default X.": an empty list, which is said in other words.
const std::set<std::string> kEmptyByDefault = {"dns.servers", "originTrust.files"};

/// X of the sentence "Default X." or "Default X: and why."; empty where there is none.
std::string said_default(std::string_view about) {
  static constexpr std::string_view kSays = "Default ";
  const auto begin = about.find(kSays);
  if (begin == std::string_view::npos) return "";
  about.remove_prefix(begin + kSays.size());
  return std::string(about.substr(0, std::min(about.find(": "), about.rfind('.'))));
}

/// Adds a file in which every key of the table has the value that its sentence calls the default; how many there are.
std::size_t write_said_defaults(const std::vector<policy::FieldShape>& fields, const std::string& path,
                                std::string& text) {
  std::size_t count = 0;
  const std::string indent(2 * static_cast<std::size_t>(std::ranges::count(path, '.')), ' ');
  for (const auto& field : fields) {
    const std::string name = path + std::string(field.key);
    CAPTURE(name);
    if (field.shape.fields != nullptr) {
      text += fmt::format("{}{}:\n", indent, field.key);
      count += write_said_defaults(field.shape.fields(), name + ".", text);
      continue;
    }
    const std::string value = said_default(field.about);
    CHECK(value.empty() == kEmptyByDefault.contains(name));
    text += fmt::format("{}{}: {}\n", indent, field.key, value.empty() ? "[]" : value);
    ++count;
  }
  return count;
}

/// The defaults as the reference and editors tell them.
std::string said_defaults() {
  std::string text;
  const std::size_t count = write_said_defaults(config_fields(), "", text);
  CHECK(count >= 40);
  CHECK(text.contains("limits:\n  connections: 512\n"));
  return text;
}

TEST_CASE("every_key_has_a_default") {
  for (const std::string& text : {std::string(), std::string("# nothing\n"), std::string("{}"),
                                  std::string("dns: {}\naudit: {}\n"), shipped_file(), said_defaults()}) {
    CAPTURE(text);
    const Config config = must_parse(text);
    CHECK(config.instance == "default");
    CHECK((config.workers >= 1 && config.workers <= 64 && config.workers == Config().workers));
    CHECK(config.accelerator == Accelerator::kAuto);
    CHECK(config.guests.ipv4_pool.to_string() == "100.64.0.0/16");
    CHECK(config.guests.ipv6_pool.to_string() == "fd77:e::/48");
    CHECK(config.guests.synthetic_ipv4.to_string() == "198.18.0.0/15");
    CHECK(config.guests.synthetic_ipv6.to_string() == "fd77:5::/64");
    CHECK(config.dns.servers.empty());
    CHECK((config.origin_trust.system && config.origin_trust.files.empty()));
    CHECK_FALSE(config.egress_proxy);
    CHECK(config.policies == std::vector<std::string>{"/etc/enforcer/policies"});
    CHECK(config.credentials == std::vector<std::string>{"/etc/enforcer/credentials"});
    CHECK(config.audit.path == "/var/log/enforcer/audit.jsonl");
    CHECK((config.audit.max_bytes == std::uint64_t{256} << 20 && config.audit.max_files == 16));
    CHECK_FALSE(config.audit.journald);
    CHECK(config.metrics.listen.to_string() == "127.0.0.1:9464");
    CHECK(config.metrics.per_guest_series == 2000);
    CHECK(config.review.notify.empty());
    CHECK((config.review.pending_per_guest == 32 && config.review.body_limit == std::uint64_t{10} << 20));
    CHECK((config.review.client_wait == 55s && config.review.grant == 15min));
    CHECK(config.images.roots == std::vector<std::string>{"/var/lib/enforcer/images"});
    CHECK(config.workspaces.roots == std::vector<std::string>{"/home", "/srv"});
    CHECK(config.limits == Limits());
    const Deadlines& deadlines = config.deadlines;
    CHECK((deadlines.classify == 10s && deadlines.tls_handshake == 10s && deadlines.origin_connect == 10s));
    CHECK((deadlines.request_head == 30s && deadlines.request_body == 60s && deadlines.idle == 1h));
  }
}

TEST_CASE("every_key_is_read") {
  const Config config = must_parse(R"(
instance: blue-2
workers: 3
accelerator: tcg
guests: {ipv4Pool: 10.9.0.0/24, ipv6Pool: "fd00:1::/64", synthetic: {ipv4: 10.10.0.0/16, ipv6: "fd00:2::/64"}}
dns: {servers: [192.0.2.53, "192.0.2.54:5353", "2001:db8::53", "[2001:db8::54]:5354"]}
originTrust: {system: false, files: [/etc/ca.pem]}
egress: {proxy: "socks5h://proxy.example:1080", credential: corp}
policies: [/srv/a.yaml, /srv/policies]
credentials: [/srv/credentials]
audit: {path: /var/log/x.jsonl, maxBytes: 64Ki, maxFiles: 2, journald: true}
metrics: {listen: "[::1]:9999", perGuestSeries: 10}
review: {notify: [/usr/bin/bridge, --room, "a b"], pendingPerGuest: 10000, bodyLimit: 1Ki, clientWait: 1s, grant: 1d}
images: {roots: [/images]}
workspaces: {roots: [/data/projects]}
limits: {connections: 1, halfOpen: 2, requestsPerMinute: 3, decisionsPerMinute: 4, distinctNamesPerHour: 5, uploadBytesPerHour: 2Gi, dnsPerSecond: 6}
deadlines: {classify: 250ms, tlsHandshake: 2s, originConnect: 3s, requestHead: 4m, idle: 1d}
)");
  CHECK((config.instance == "blue-2" && config.workers == 3 && config.accelerator == Accelerator::kTcg));
  CHECK((config.guests.ipv4_pool.to_string() == "10.9.0.0/24" &&
         config.guests.synthetic_ipv6.to_string() == "fd00:2::/64"));
  REQUIRE(config.dns.servers.size() == 4);
  CHECK(config.dns.servers[0].to_string() == "192.0.2.53:53");
  CHECK(config.dns.servers[1].to_string() == "192.0.2.54:5353");
  CHECK(config.dns.servers[2].to_string() == "[2001:db8::53]:53");
  CHECK(config.dns.servers[3].to_string() == "[2001:db8::54]:5354");
  CHECK((!config.origin_trust.system && config.origin_trust.files == std::vector<std::string>{"/etc/ca.pem"}));
  CHECK((config.egress_proxy->place() == "proxy.example:1080" && config.egress_proxy->credential == "corp"));
  CHECK(config.policies.size() == 2);
  CHECK(config.credentials == std::vector<std::string>{"/srv/credentials"});
  CHECK((config.audit.path == "/var/log/x.jsonl" && config.audit.max_bytes == 65536 && config.audit.max_files == 2));
  CHECK(config.audit.journald);
  CHECK((config.metrics.listen.to_string() == "[::1]:9999" && config.metrics.per_guest_series == 10));
  CHECK(config.review.notify == std::vector<std::string>{"/usr/bin/bridge", "--room", "a b"});
  CHECK((config.review.pending_per_guest == 10'000 && config.review.body_limit == 1024));
  CHECK((config.review.client_wait == 1s && config.review.grant == 24h));
  CHECK(config.images.roots.front() == "/images");
  CHECK(config.workspaces.roots == std::vector<std::string>{"/data/projects"});
  CHECK(config.limits == Limits{1, 2, 3, 4, 5, std::uint64_t{2} << 30, 6});
  CHECK((config.deadlines.classify == 250ms && config.deadlines.tls_handshake == 2s &&
         config.deadlines.origin_connect == 3s));
  CHECK((config.deadlines.request_head == 4min && config.deadlines.idle == 24h));
  CHECK_FALSE(must_parse("limits: {uploadBytesPerHour: unlimited}").limits.upload_bytes_per_hour);
}

TEST_CASE("keys_without_a_user_are_unknown") {
  for (const char* key : {"reviews", "workspace"}) {
    CHECK(problems(std::string(key) + ": {}\n").find("error[E0102]: unknown key") != std::string::npos);
  }
}

TEST_CASE("all_problems_are_reported_at_once_with_their_places") {
  CHECK(problems("instance: Blue\nworker: 2\nworkers: 0\naudit: {maxBytes: 1Ki, path: log.jsonl, journald: perhaps}\n"
                 "guests: {ipv4Pool: 10.0.0.1/24, ipv6Pool: 10.0.0.0/24}\nmetrics: {listen: 'localhost:80'}\n"
                 "dns: {servers: [ns.example]}\ndeadlines: {idle: forever}\npolicies: /etc\naccelerator: xen\n") ==
        "enforcer.yaml:1:11: error[E0107]: 'Blue' cannot be the name of an instance; use 1-20 of a-z, 0-9 and '-', not "
        "'-' at either end\n"
        "enforcer.yaml:2:1: error[E0102]: unknown key 'worker' in the configuration; did you mean 'workers'?\n"
        "enforcer.yaml:3:10: error[E0105]: '0' is not a number from 1 to 64\n"
        "enforcer.yaml:4:19: error[E0105]: an audit file has at least 64Ki\n"
        "enforcer.yaml:4:30: error[E0105]: 'log.jsonl' is not an absolute path\n"
        "enforcer.yaml:4:51: error[E0104]: 'perhaps' is not one of: false, true\n"
        "enforcer.yaml:5:20: error[E0105]: '10.0.0.1/24' is not an IPv4 block of /8 to /28; address has bits set "
        "beyond its prefix length\n"
        "enforcer.yaml:5:43: error[E0105]: '10.0.0.0/24' is not an IPv6 block of /32 to /112\n"
        "enforcer.yaml:6:19: error[E0105]: 'localhost:80' is not an IP address with a port; write 127.0.0.1:9464 or "
        "[::1]:9464\n"
        "enforcer.yaml:7:17: error[E0105]: 'ns.example' is not an IP address; write 192.0.2.1, 192.0.2.1:53 or "
        "[2001:db8::1]:53\n"
        "enforcer.yaml:8:19: error[E0105]: 'forever' is not a duration from 1ms to 365d; write 250ms, 10s, 15m or 1h\n"
        "enforcer.yaml:9:11: error[E0101]: policies must be a list, but here is text\n"
        "enforcer.yaml:10:14: error[E0104]: 'xen' is not one of: auto, kvm, tcg\n");
  CHECK(problems("workers: 2\n---\nworkers: 3\n") ==
        "enforcer.yaml:3:1: error[E0005]: a second document: the configuration is one\n");
}

TEST_CASE("review_has_its_bounds") {
  CHECK(problems("review: {notify: null}\n").empty());
  CHECK(problems("review: {pendingPerGuest: 1, bodyLimit: 16Mi, clientWait: 1h, grant: 1s}\n").empty());
  CHECK(problems("review: {pendingPerGuest: 0}\n") ==
        "enforcer.yaml:1:27: error[E0105]: '0' is not a number from 1 to 10000\n");
  CHECK(problems("review: {pendingPerGuest: 10001}\n").contains("E0105"));
  CHECK(problems("review:\n  bodyLimit: 17Mi\n  clientWait: 999ms\n  grant: 2d\n") ==
        "enforcer.yaml:2:14: error[E0105]: the body of a held request may have from 1Ki to 16Mi\n"
        "enforcer.yaml:3:15: error[E0105]: '999ms' is not from 1s to 3600s\n"
        "enforcer.yaml:4:10: error[E0105]: '2d' is not from 1s to 86400s\n");
  CHECK(problems("review: {bodyLimit: 1023}\n").contains("E0105"));
  CHECK(problems("review: {clientWait: 2h}\n").contains("E0105"));
  CHECK(problems("review: {approvals: 2}\n").contains("error[E0102]: unknown key 'approvals' in review"));
}

TEST_CASE("root_of_workspaces_is_one_folder_spelled_in_one_way") {
  CHECK(must_parse("workspaces: {roots: []}\n").workspaces.roots.empty());
  for (const char* root : {"/", "//", "/home/", "/home/../etc", "/home/.", "/home//x"}) {
    CAPTURE(root);
    CHECK(problems(fmt::format("workspaces: {{roots: [/srv, {}]}}\n", root))
              .contains(fmt::format("1:28: error[E0105]: '{}' cannot be a root of workspaces", root)));
  }
  CHECK(problems("workspaces: {roots: [home]}\n").contains("'home' is not an absolute path"));
}

TEST_CASE("what_is_run_for_a_ticket_is_a_program_with_arguments_and_no_shell_line") {
  CHECK(problems("review: {notify: [bridge]}\n").contains("1:19: error[E0105]: 'bridge' is not an absolute path"));
  CHECK(problems("review: {notify: /usr/bin/bridge --room a}\n").contains("1:18: error[E0101]"));
  CHECK(problems("review: {notify: []}\n").contains("1:18: error"));
  CHECK(problems("review: {notify: [/usr/bin/bridge, {a: b}]}\n").contains("1:36: error"));
  CHECK(problems("review: {notify: [/usr/bin/bridge, \"a\\0b\"]}\n").contains("error"));
}

TEST_CASE("pools_that_overlap_are_refused") {
  CHECK(problems("guests: {ipv4Pool: 198.18.0.0/16}\n").find("E0110") != std::string::npos);
  CHECK(problems("guests: {synthetic: {ipv6: 'fd77:e:0:1::/64'}}\n").find("E0110") != std::string::npos);
  CHECK(problems("guests: {ipv4Pool: 198.20.0.0/16}\n").empty());
}

TEST_CASE("an_instance_has_a_short_plain_name") {
  for (const char* name : {"a", "a-b", "0", "abcdefghijklmnopqrst"})
    CHECK(must_parse("instance: " + std::string(name)).instance == name);
  for (const char* name : {"''", "-a", "a-", "a_b", "A", "a/b", "..", "abcdefghijklmnopqrstu"}) {
    CHECK(problems("instance: " + std::string(name) + "\n").find("E0107") != std::string::npos);
  }
}

TEST_CASE("a_policy_lowers_limits_and_never_raises_them") {
  Limits limits;
  policy::LimitOverrides overrides;
  CHECK(limits.lowered_by(overrides) == limits);
  overrides.connections = 10;
  overrides.half_open = 1'000'000;
  overrides.upload_bytes_per_hour = 5;
  CHECK(limits.lowered_by(overrides).connections == 10);
  CHECK(limits.lowered_by(overrides).half_open == 128);
  CHECK(limits.lowered_by(overrides).upload_bytes_per_hour == 5);
  limits.upload_bytes_per_hour = 3;
  CHECK(limits.lowered_by(overrides).upload_bytes_per_hour == 3);
}

TEST_CASE("a_named_file_must_exist_and_must_not_be_writable_by_others") {
  CHECK(load_config("/nonexistent/enforcer.yaml").diagnostics.at(0).to_string() ==
        "/nonexistent/enforcer.yaml:1:1: error[E0001]: No such file or directory");
  const TemporaryFolder folder;
  const std::string path = folder.write("enforcer.yaml", "instance: x\n", 0644);
  const ConfigOutcome good = load_config(path);
  REQUIRE(good.config);
  CHECK(good.config->instance == "x");
  REQUIRE(chmod(path.c_str(), 0666) == 0);
  CHECK(load_config(path).diagnostics.at(0).to_string() ==
        path + ":1:1: error[E0001]: is writable by others than its owner: chmod go-w");
  CHECK(load_config(folder.path()).diagnostics.at(0).message != "");
}

TEST_CASE("every_path_is_derived_from_the_instance") {
  const Paths paths = Paths::of("blue");
  const GuestName guest = *GuestName::parse("g1");
  CHECK(paths.gateway_netns() == "/run/netns/enforcer-blue");
  CHECK(paths.bpffs() == "/sys/fs/bpf/enforcer/blue");
  CHECK(paths.hostd_socket() == "/run/enforcer/blue/hostd.sock");
  CHECK(paths.control_socket() == "/run/enforcer/blue/enforcerd.sock");
  CHECK(paths.hostd_state_dir() == "/var/lib/enforcer/blue/hostd");
  CHECK(paths.policies_dir() == "/var/lib/enforcer/blue/policies");
  CHECK(paths.guest_state_dir(guest) == "/var/lib/enforcer/blue/guests/g1");
  // A unix socket's path has at most 107 octets.
  const Paths longest = Paths::of(std::string(20, 'i'));
  CHECK((longest.guest_run_dir(*GuestName::parse(std::string(40, 'g'))) + "/console.sock").size() <= 107);
}

}  // namespace
}  // namespace enforcer::config
