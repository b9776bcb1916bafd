// The package tools' own files, as their manuals show them: what is found, what is skipped with its place, and that no
// password gets out.
#include "enforcerctl/machine_readers.h"

#include <doctest/doctest.h>

#include <string>

using namespace enforcer;
using namespace enforcer::ctl;

namespace {

using ReadOne = void (*)(std::string_view file, std::string_view text, MachineFindings& into);

MachineFindings found_by(ReadOne reader, std::string_view text) {
  MachineFindings found;
  reader("f", text, found);
  return found;
}

using Texts = std::vector<std::string>;

/// All that is ever shown of a file.
std::string all_said(const MachineFindings& found) {
  std::string out;
  for (const FoundHost& host : found.hosts()) out += host.target + " " + host.place + " " + host.setting + "\n";
  for (const std::string& line : found.warnings()) out += line + "\n";
  for (const std::string& line : found.remarks()) out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("a_registry_url_becomes_its_host_and_a_port_that_is_not_443") {
  const auto target = [](std::string_view url) {
    const auto parsed = parse_registry_url(url);
    return parsed ? parsed->target : "wrong: " + parsed.error().message;
  };
  CHECK(target("https://npm.acme.example/") == "npm.acme.example");
  CHECK(target("HTTPS://NPM.Acme.Example.") == "npm.acme.example");
  CHECK(target("https://npm.acme.example:443/a") == "npm.acme.example");
  CHECK(target("https://npm.acme.example:/a") == "npm.acme.example");
  CHECK(target("https://npm.acme.example:8443?x") == "npm.acme.example:8443");
  CHECK(target("http://apt.acme.example/debian") == "apt.acme.example:80");
  CHECK(target("http://apt.acme.example:3142#x") == "apt.acme.example:3142");
  CHECK(target("http://apt.acme.example:443/") == "apt.acme.example");
  for (const char* wrong :
       {"", "npm.acme.example", "ftp://npm.acme.example/", "https://", "https:///x", "https://a b/",
        "https://npm.acme.example:0/", "https://npm.acme.example:65536/", "https://npm:x/", "https://10.0.0.1/",
        "https://[2001:db8::1]/", "https://localhost:4873/", "http://a.localhost/", "https://-a.example/"}) {
    CHECK_MESSAGE(target(wrong).starts_with("wrong: "), wrong);
  }
  CHECK(target("https://" + std::string(5000, 'a')).starts_with("wrong: "));
}

TEST_CASE("a_password_in_a_url_never_gets_out_and_a_credential_is_asked_for") {
  MachineFindings found;
  found.add_url("https://user:hunter2@npm.acme.example/x", {"f", 7});
  found.add_url("https://user:hunt@er2@npm.acme.example:8443/", {"f", 8});
  found.add_url("https://user:hunter2@10.0.0.1/", {"f", 9});
  found.add_url("https://user:hunter2@", {"f", 10});
  found.add_url("hunter2://user:hunter2@npm.acme.example/", {"f", 11});
  CHECK(found.targets() == Texts{"npm.acme.example", "npm.acme.example:8443"});
  CHECK(found.remarks().size() == 2);
  CHECK(found.warnings().size() == 3);
  CHECK(found.remarks()[0].starts_with("f:7: "));
  CHECK(found.remarks()[0].contains("Credential"));
  CHECK_FALSE(all_said(found).contains("hunt"));
  CHECK_FALSE(all_said(found).contains("er2"));
  CHECK_FALSE(all_said(found).contains("user:"));
  MachineFindings plain;
  plain.add_url("https://npm.acme.example/x", {"f", 7});
  CHECK(plain.remarks().empty());
}

TEST_CASE("apt_lines_name_their_mirrors") {
  const auto found =
      found_by(read_apt_lines,
               "# deb https://commented.acme.example/ stable main\n"
               "deb http://apt.acme.example/debian bookworm main # deb https://behind.acme.example/ x y\n"
               "deb [ arch=amd64 signed-by=/usr/share/k.gpg ] https://apt.acme.example/docker bookworm stable\r\n"
               "\tdeb-src\thttps://src.acme.example/debian\tbookworm\tmain\n"
               "deb cdrom:[Debian 12]/ bookworm main\n"
               "deb file:/srv/mirror bookworm main\n"
               "deb ftp://ftp.acme.example/ bookworm main\n"
               "deb [arch=amd64 https://open.acme.example/ bookworm main\n"
               "rpm https://rpm.acme.example/ x\n"
               "deb https://alone.acme.example/\n"
               "deb mirror+https://list.acme.example/mirrors bookworm main");
  CHECK(found.targets() == Texts{"apt.acme.example", "apt.acme.example:80", "list.acme.example", "src.acme.example"});
  CHECK(found.hosts()[0].place == "f:2");
  REQUIRE(found.warnings().size() == 4);
  CHECK(found.warnings()[0].starts_with("f:7: "));
  CHECK(found.warnings()[1].starts_with("f:8: "));
  CHECK(found.warnings()[2].starts_with("f:9: "));
  CHECK(found.warnings()[3].starts_with("f:10: "));
  REQUIRE(found.remarks().size() == 1);
  CHECK(found.remarks()[0].starts_with("f:11: "));
}

TEST_CASE("apt_stanzas_name_their_mirrors_unless_they_are_off") {
  const auto found = found_by(read_apt_stanzas,
                              "Types: deb deb-src\n"
                              "URIs: http://apt.acme.example/debian\n"
                              "# in between\n"
                              " https://two.acme.example/debian\n"
                              "Suites: bookworm bookworm-updates\n"
                              "Components: main\n"
                              "Signed-By:\n"
                              " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
                              " .\n"
                              " https://inakey.acme.example/\n"
                              "\n"
                              "Enabled: no\n"
                              "Types: deb\n"
                              "uris: https://off.acme.example/\n"
                              "Suites: x\n"
                              "  \n"
                              "Types: deb\n"
                              "URIs: https://late.acme.example/\n"
                              "Enabled: false\n"
                              "\n"
                              "Types: deb\n"
                              "uris: https://third.acme.example/ file:/srv/x\n"
                              "Enabled: yes");
  CHECK(found.targets() == Texts{"apt.acme.example:80", "third.acme.example", "two.acme.example"});
  CHECK(found.hosts()[1].place == "f:4");
  CHECK(found.warnings().empty());
  const auto wrong = found_by(read_apt_stanzas, " continued\nno field\nURIs: https://a.acme.example/\n");
  CHECK(wrong.targets() == Texts{"a.acme.example"});
  REQUIRE(wrong.warnings().size() == 2);
  CHECK(wrong.warnings()[1].starts_with("f:2: "));
}

TEST_CASE("a_proxy_of_apt_is_a_remark_in_each_of_its_spellings_and_never_a_host") {
  for (const char* text : {"Acquire::http::Proxy \"http://user:hunter2@proxy.acme.example:3142/\";",
                           "// x \"\nacquire::HTTPS::proxy \"http://proxy.acme.example:3142\";",
                           "Acquire { http { Proxy \"http://proxy.acme.example:3142\"; } };",
                           "/* a\nb */ Acquire::http { Proxy::apt.acme.example \"http://proxy.acme.example:3142\"; };",
                           "#clear x;\nAPT::Get \"x\";\nAcquire::http::Proxy \"http://proxy.acme.example:3142\";"}) {
    const auto found = found_by(read_apt_conf, text);
    CHECK(found.hosts().empty());
    CHECK(found.warnings().empty());
    REQUIRE_MESSAGE(found.remarks().size() == 1, text);
    CHECK(found.remarks()[0].contains("proxy.acme.example:3142"));
    CHECK_FALSE(all_said(found).contains("hunter2"));
  }
  for (const char* text : {"Acquire::http::Proxy \"DIRECT\";", "Acquire::ftp::Proxy \"http://proxy.acme.example\";",
                           "APT { Acquire::http::Proxy \"http://proxy.acme.example\"; };",
                           "DPkg::Post-Invoke { \"echo Acquire::http::Proxy\"; };",
                           "// Acquire::http::Proxy \"http://proxy.acme.example\";"}) {
    const auto found = found_by(read_apt_conf, text);
    CHECK_MESSAGE(found.remarks().empty(), text);
    CHECK_MESSAGE(found.warnings().empty(), text);
  }
  for (const char* text : {"a \"open", "a { b \"c\";", "};", "/* open", "a \"x\ny\";"}) {
    CHECK_MESSAGE(found_by(read_apt_conf, text).warnings().size() == 1, text);
  }
  CHECK(found_by(read_apt_conf, "\n\na \"open").warnings()[0].starts_with("f:3: "));
}

TEST_CASE("npmrc_names_registries_and_keeps_tokens_to_itself") {
  const auto found = found_by(read_npmrc,
                              "; comment\n# registry=https://commented.acme.example/\n"
                              "registry = https://old.acme.example/\n"
                              "registry=\"https://npm.acme.example/\"\n"
                              "@acme:registry=https://scope.acme.example:8443/npm/\n"
                              "//npm.acme.example/:_authToken=hunter2\n"
                              "//scope.acme.example:8443/npm/:_password=\"hunter2\"\n"
                              "_auth=hunter2\n"
                              "@other:registry=${HUNTER2_REGISTRY}\n"
                              "@local:registry=http://localhost:4873/\n"
                              "strict-ssl\nproxy=http://proxy.acme.example/\nregistry-x=https://x.acme.example/\n");
  CHECK(found.targets() == Texts{"npm.acme.example", "scope.acme.example:8443"});
  CHECK(found.remarks().size() == 3);
  CHECK(found.remarks()[0].contains("f:6: npm has a credential for npm.acme.example"));
  CHECK(found.remarks()[1].contains("scope.acme.example:8443"));
  REQUIRE(found.warnings().size() == 2);
  CHECK(found.warnings()[0].starts_with("f:9: "));
  CHECK(found.warnings()[1].starts_with("f:10: "));
  CHECK_FALSE(all_said(found).contains("hunter2"));
}

TEST_CASE("pip_conf_names_indexes_of_every_section_and_continued_ones") {
  const auto found = found_by(read_pip_conf,
                              "[global]\n"
                              "index-url = https://user:hunter2@old.acme.example/simple\n"
                              "timeout = 60\n"
                              "# extra-index-url = https://commented.acme.example/\n"
                              "extra_index_url =\n"
                              "    https://one.acme.example/simple\n"
                              "    http://two.acme.example/simple https://three.acme.example/simple\n"
                              "trusted-host = two.acme.example\n"
                              "    *.acme.example\n"
                              "find-links = /srv/wheels https://wheels.acme.example/\n"
                              "[install]\n"
                              "INDEX-URL: https://pip.acme.example/simple\n"
                              "[broken\n"
                              "nothing\n");
  CHECK(found.targets() == Texts{"one.acme.example", "pip.acme.example", "three.acme.example", "two.acme.example:80",
                                 "wheels.acme.example"});
  CHECK_FALSE(all_said(found).contains("hunter2"));
  REQUIRE(found.warnings().size() == 3);
  CHECK(found.warnings()[0].starts_with("f:9: "));
  CHECK(found.warnings()[1].starts_with("f:13: "));
  CHECK(found.warnings()[2].starts_with("f:14: "));
}

TEST_CASE("cargo_names_sparse_indexes_that_nothing_replaces") {
  const auto found =
      found_by(read_cargo_config,
               "[build]\njobs = 2\n"
               "[source.crates-io]\nreplace-with = \"mirror\"\nregistry = \"sparse+https://no.acme.example/\"\n"
               "[source.mirror]\nregistry = \"sparse+https://user:hunter2@cargo.acme.example/index/\"\n"
               "[source.vendored]\ndirectory = \"vendor\"\n"
               "[source.git]\nregistry = \"https://git.acme.example/index\"\n"
               "[registries]\nacme = { index = \"sparse+https://acme.acme.example/\" }\n"
               "[registries.wrong]\nindex = 3\n");
  CHECK(found.targets() == Texts{"acme.acme.example", "cargo.acme.example"});
  CHECK(found.hosts()[0].place == "f:7");
  CHECK(found.remarks().size() == 1);
  CHECK_FALSE(all_said(found).contains("hunter2"));
  REQUIRE(found.warnings().size() == 2);
  CHECK(found.warnings()[0].starts_with("f:11: "));
  CHECK(found.warnings()[1].starts_with("f:15: "));
  const auto broken = found_by(read_cargo_config, "[a]\nb = \"hunter2\n");
  CHECK(broken.hosts().empty());
  REQUIRE(broken.warnings().size() == 1);
  CHECK(broken.warnings()[0].starts_with("f:2: "));
  CHECK_FALSE(broken.warnings()[0].contains("hunter2"));
  CHECK(found_by(read_cargo_config, "source = 3\n").hosts().empty());
  CHECK(found_by(read_cargo_config, std::string(100'000, '[')).warnings().size() == 1);
}

TEST_CASE("docker_names_mirrors_and_the_registries_of_its_logins") {
  const auto daemon =
      found_by(read_docker_daemon,
               R"({"registry-mirrors": ["https://mirror.acme.example", "http://two.acme.example:5000/", 3],
                                   "insecure-registries": ["10.0.0.0/8"]})");
  CHECK(daemon.targets() == Texts{"mirror.acme.example", "two.acme.example:5000"});
  CHECK(daemon.warnings().size() == 1);
  const auto client = found_by(read_docker_client,
                               R"({"auths": {"registry.acme.example": {"auth": "aHVudGVyMg=="},
                                   "https://old.acme.example/v1/": {"auth": "aHVudGVyMg=="}, "10.0.0.1:5000": {}}})");
  CHECK(client.targets() == Texts{"old.acme.example", "registry.acme.example"});
  CHECK(client.remarks().size() == 2);
  CHECK(client.warnings().size() == 1);
  CHECK_FALSE(all_said(client).contains("aHVudGVyMg"));
  for (const char* text : {"", "[]", "{", "null", R"({"registry-mirrors": "x"})"}) {
    CHECK_MESSAGE(found_by(read_docker_daemon, text).warnings().size() == 1, text);
  }
  CHECK(found_by(read_docker_client, R"({"auths": []})").warnings().size() == 1);
  CHECK(found_by(read_docker_daemon, "{}").warnings().empty());
  CHECK(found_by(read_docker_daemon, std::string(500'000, '[')).warnings().size() == 1);
}

TEST_CASE("no_reader_takes_more_hosts_than_a_policy_should_have") {
  std::string text;
  for (int i = 0; i < 70; ++i) text += "deb https://m" + std::to_string(i) + ".acme.example/ x main\n";
  const auto found = found_by(read_apt_lines, text);
  CHECK(found.hosts().size() == MachineFindings::kMostHosts);
  CHECK(found.warnings().size() == 70 - MachineFindings::kMostHosts);
}

TEST_CASE("every_reader_survives_every_beginning_of_a_file") {
  const std::string text =
      "deb [a] https://x.acme.example/ s\nURIs: https://y.acme.example/\n [s]\nk = \"v\"\nAcquire { \"x\"; };\n"
      "{\"auths\": {\"a\": {}}}\n@a:registry=x\n//h/:_auth=x\n";
  for (const ReadOne reader : {read_apt_lines, read_apt_stanzas, read_apt_conf, read_npmrc, read_pip_conf,
                               read_cargo_config, read_docker_daemon, read_docker_client}) {
    for (std::size_t size = 0; size <= text.size(); ++size) {
      const auto found = found_by(reader, std::string_view(text).substr(0, size));
      CHECK(found.hosts().size() <= MachineFindings::kMostHosts);
    }
  }
}
