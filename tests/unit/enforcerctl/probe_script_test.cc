// The script of `doctor --guest`, run for real by this host's sh and by busybox's: with only the programs that each
// case puts into its PATH.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../control/fake_state.h"
#include "../temporary_folder.h"
#include "enforcerctl/guest_probe.h"
#include "tls/authority.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl;

namespace {

namespace fs = std::filesystem;

constexpr const char* kFingerprint = "12:34:AB";

std::string certificate_named(const TemporaryFolder& folder, std::string_view name) {
  const std::string place = folder.file(name);
  fs::create_directories(place);
  const auto made = tls::CertificateAuthority::open_or_make(place, guest_name(name));
  REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
  return (*made)->certificate_pem();
}

/// Where a program of this host is; empty when it has none.
std::string program_of_host(const std::string& name) {
  for (const char* folder : {"/usr/bin/", "/bin/"}) {
    if (access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return "";
}

/// Standing in for a guest: a folder that is all of its PATH, and its variables.
struct StandIn {
  StandIn() { fs::create_directories(bin); }
  void link(const std::string& name, const std::string& program) const {
    fs::create_symlink(program, bin + "/" + name);
  }
  void stub(const std::string& name, std::string_view body) const {
    std::ofstream(bin + "/" + name) << "#!/bin/sh\n" << body << "\n";
    fs::permissions(bin + "/" + name, fs::perms::owner_all);
  }
  void with_tools_of(const std::string& busybox) const {
    for (const char* tool : {"grep", "tr", "sed", "tail"})
      link(tool, busybox.empty() ? program_of_host(tool) : busybox);
  }
  void set(std::string_view name, std::string_view value) { variables.push_back(fmt::format("{}={}", name, value)); }

  /// What the script prints, run by the shell that the words name.
  [[nodiscard]] std::string print(std::vector<std::string> words) const {
    words.insert(words.end(), {"-c", std::string(probe_script()), "probe", ca, kFingerprint});
    std::vector<std::string> environment = variables;
    environment.push_back("PATH=" + bin);
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> all;
      for (std::string& text : texts) all.push_back(text.data());
      all.push_back(nullptr);
      return all;
    };
    const std::string output = folder.file("output");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid = 0;
    const int failed =
        posix_spawn(&pid, words[0].c_str(), &actions, nullptr, pointers(words).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(failed == 0);
    int status = -1;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    std::ifstream file(output);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] GuestFacts facts(const std::vector<std::string>& words) const {
    const std::string printed = print(words);
    CAPTURE(printed);
    const auto facts = parse_probe(printed);
    REQUIRE_MESSAGE(facts.has_value(), (facts ? "" : facts.error().message));
    return *facts;
  }

  TemporaryFolder folder;
  std::string bin = folder.file("bin");
  std::string ca = certificate_named(folder, "ours");
  std::string other = certificate_named(folder, "other");
  std::vector<std::string> variables;
};

struct Shell {
  const char* name;
  std::vector<std::string> words;  ///< empty: this host has none
  std::string busybox;             ///< where the tools come from; empty: from the host
};

std::vector<Shell> shells() {
  const std::string busybox = program_of_host("busybox");
  std::vector<Shell> all{{"sh", {"/bin/sh"}, ""}};
  if (busybox.empty()) {
    fmt::print("SKIP: no busybox on this host\n");
  } else {
    all.push_back({"busybox", {busybox, "sh"}, busybox});
  }
  return all;
}

}  // namespace

TEST_CASE("the_probe_finds_nothing_where_nothing_is") {
  for (const Shell& shell : shells()) {
    CAPTURE(shell.name);
    const StandIn guest;
    guest.with_tools_of(shell.busybox);
    const GuestFacts facts = guest.facts(shell.words);
    if (shell.busybox.empty()) CHECK(facts.installed.empty());  // busybox's sh may find its own applets
    CHECK(facts.variables.empty());
    CHECK_FALSE(facts.openssl.has_value());
    CHECK_FALSE(facts.java.has_value());
    CHECK_FALSE(facts.requests.has_value());
    CHECK_FALSE(facts.node_asks_system);
    REQUIRE(facts.store.has_value());
    CHECK(facts.store->standing != Standing::kHolds);  // of this host, which does not trust our CA
  }
}

TEST_CASE("the_probe_compares_the_files_that_variables_name_with_the_ca") {
  for (const Shell& shell : shells()) {
    CAPTURE(shell.name);
    StandIn guest;
    guest.with_tools_of(shell.busybox);
    std::string other_line_ends;  // the same certificate, 64 columns and CRLF or not
    for (const char c : guest.ca) other_line_ends += c == '\n' ? std::string("\r\n") : std::string(1, c);
    guest.set("SSL_CERT_FILE", guest.folder.write("both.crt", guest.other + guest.ca));
    guest.set("CURL_CA_BUNDLE", guest.folder.write("crlf.crt", other_line_ends + guest.other));
    guest.set("GIT_SSL_CAINFO", guest.folder.write("other.crt", guest.other));
    guest.set("NODE_EXTRA_CA_CERTS", guest.folder.file("none.crt"));
    guest.set("REQUESTS_CA_BUNDLE", guest.folder.write("with space.crt", guest.ca));
    guest.set("PIP_CERT", guest.bin);
    guest.set("CARGO_HTTP_CAINFO", guest.folder.write("cut.crt", guest.ca.substr(0, guest.ca.size() / 2)));
    guest.set("npm_config_cafile", guest.folder.write("empty.crt", ""));
    guest.set("NODE_OPTIONS", "--max-old-space-size=100 --use-system-ca");
    const GuestFacts facts = guest.facts(shell.words);
    CHECK(facts.variables.at("SSL_CERT_FILE").standing == Standing::kHolds);
    CHECK(facts.variables.at("CURL_CA_BUNDLE").standing == Standing::kHolds);
    CHECK(facts.variables.at("GIT_SSL_CAINFO").standing == Standing::kLacks);
    CHECK(facts.variables.at("NODE_EXTRA_CA_CERTS").standing == Standing::kAbsent);
    CHECK(facts.variables.at("NODE_EXTRA_CA_CERTS").path == guest.folder.file("none.crt"));
    CHECK(facts.variables.at("REQUESTS_CA_BUNDLE").standing == Standing::kHolds);
    CHECK(facts.variables.at("REQUESTS_CA_BUNDLE").path == guest.folder.file("with space.crt"));
    CHECK(facts.variables.at("PIP_CERT").standing == Standing::kAbsent);
    CHECK(facts.variables.at("CARGO_HTTP_CAINFO").standing == Standing::kLacks);
    CHECK(facts.variables.at("npm_config_cafile").standing == Standing::kLacks);
    CHECK(facts.node_asks_system);
  }
}

TEST_CASE("the_probe_asks_openssl_itself") {
  const std::string openssl = program_of_host("openssl");
  if (openssl.empty()) {
    fmt::print("SKIP: no openssl on this host\n");
    return;
  }
  for (const Shell& shell : shells()) {
    CAPTURE(shell.name);
    StandIn guest;
    guest.with_tools_of(shell.busybox);
    guest.link("openssl", openssl);
    const GuestFacts without = guest.facts(shell.words);
    CHECK(without.installed.contains("openssl"));
    CHECK(without.openssl == Standing::kLacks);
    guest.set("SSL_CERT_FILE", guest.folder.write("both.crt", guest.other + guest.ca));
    CHECK(guest.facts(shell.words).openssl == Standing::kHolds);
  }
}

TEST_CASE("the_probe_asks_programs_for_the_files_that_they_read") {
  for (const Shell& shell : shells()) {
    CAPTURE(shell.name);
    StandIn guest;
    guest.with_tools_of(shell.busybox);
    const std::string with = guest.folder.write("with.crt", guest.ca);
    const std::string without = guest.folder.write("without.crt", guest.other);
    guest.stub("git", "test \"$*\" = 'config --get http.sslCAInfo' && echo " + without);
    guest.stub("python3", "test \"$1\" = -c && echo " + with);
    guest.stub("java", "echo never run; exit 1");
    guest.stub("keytool",
               fmt::format("case \"$*\" in *-cacerts*) echo 'SHA-256: 99:99' ;; *{}*) echo 'SHA-256: {}' ;; esac", with,
                           kFingerprint));
    guest.stub("pip3", "exit 1");
    GuestFacts facts = guest.facts(shell.words);
    for (const char* name : {"git", "python3", "requests", "java", "keytool", "pip"}) {
      CAPTURE(name);
      CHECK(facts.installed.contains(name));
    }
    CHECK(facts.git_config.value().standing == Standing::kLacks);
    CHECK(facts.git_config.value().path == without);
    CHECK(facts.requests.value().standing == Standing::kHolds);
    CHECK(facts.java.value().standing == Standing::kLacks);
    CHECK(facts.java.value().path.empty());
    guest.set("JAVA_TOOL_OPTIONS", "-Xmx64m -Djavax.net.ssl.trustStore=" + with + " -Dx=y");
    facts = guest.facts(shell.words);
    CHECK(facts.java.value().standing == Standing::kHolds);
    CHECK(facts.java.value().path == with);
    guest.stub("keytool", "echo 'keytool error' >&2; exit 1");
    CHECK(guest.facts(shell.words).java.value().standing == Standing::kAbsent);
  }
}

TEST_CASE("the_probe_knows_busyboxs_wget") {
  const std::string busybox = program_of_host("busybox");
  for (const Shell& shell : shells()) {
    CAPTURE(shell.name);
    const StandIn guest;
    guest.with_tools_of(shell.busybox);
    guest.stub("wget", "echo 'GNU Wget 1.21, a non-interactive network retriever.'");
    const bool applet = !shell.busybox.empty();  // its sh may run its own wget, whatever PATH says
    if (!applet) CHECK_FALSE(guest.facts(shell.words).wget_is_busybox);
    if (busybox.empty()) continue;
    fs::remove(guest.bin + "/wget");
    guest.link("wget", busybox);
    const GuestFacts facts = guest.facts(shell.words);
    CHECK(facts.wget_is_busybox);
    CHECK(facts.installed.contains("wget"));
  }
}
