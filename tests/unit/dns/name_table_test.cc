#include "dns/name_table.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "../temporary_folder.h"
#include "dns_bytes.h"

using namespace enforcer;
using namespace enforcer::dns;
using enforcer::dns::test::ip;

namespace {

const SyntheticBlocks kBlocks{*Cidr::parse("198.18.0.0/15"), *Cidr::parse("fd77:5::/64")};

HostName name(std::string_view text) {
  return *HostName::parse(text);
}

std::unique_ptr<NameTable> open_table(const TemporaryFolder& folder) {
  auto table = NameTable::open(kBlocks, folder.file("names"));
  if (!table) FAIL(table.error().message);
  return *std::move(table);
}

std::string issue(NameTable& table, std::string_view text) {
  const auto addresses = table.issue(name(text));
  REQUIRE(addresses.has_value());
  if (!*addresses) return "(full)";
  CHECK(table.name_of((**addresses)[1]) == table.name_of((**addresses)[0]));
  return (**addresses)[0].to_string();
}

}  // namespace

TEST_CASE("each_name_gets_one_address_of_each_family_for_ever") {
  const TemporaryFolder folder;
  const auto table = open_table(folder);
  CHECK(issue(*table, "ok.test") == "198.18.0.1");
  CHECK(issue(*table, "cdn.test") == "198.18.0.2");
  CHECK(issue(*table, "OK.test") == "198.18.0.1");
  CHECK(table->size() == 2);
  CHECK(table->name_of(ip("198.18.0.2")) == name("cdn.test"));
  CHECK(table->name_of(ip("fd77:5::2")) == name("cdn.test"));
  CHECK((**table->issue(name("cdn.test")))[1] == ip("fd77:5::2"));
  CHECK(table->knows(name("cdn.test")));
  CHECK_FALSE(table->knows(name("new.test")));
}

TEST_CASE("an_address_that_was_not_issued_has_no_name") {
  const TemporaryFolder folder;
  const auto table = open_table(folder);
  issue(*table, "ok.test");
  for (const char* address :
       {"198.18.0.0", "198.18.0.2", "198.18.16.1", "198.19.255.255", "198.17.255.255", "93.184.216.34", "::1",
        "2600:9000::1", "fd77:5::", "fd77:5::2", "fd77:5::1:0:1", "fd77:5:0:1::1"}) {
    CAPTURE(address);
    CHECK_FALSE(table->name_of(ip(address)).has_value());
  }
  CHECK(table->covers(ip("198.19.255.255")));
  CHECK(table->covers(ip("fd77:5::ffff:ffff")));
  CHECK_FALSE(table->covers(ip("fd77:5:0:1::1")));
  CHECK_FALSE(table->covers(ip("198.20.0.1")));
}

TEST_CASE("invariant_11_a_restart_finds_every_address_again") {
  const TemporaryFolder folder;
  {
    const auto table = open_table(folder);
    issue(*table, "ok.test");
    issue(*table, "cdn.test");
  }
  CHECK(folder.read("names") == "198.18.0.1 fd77:5::1 ok.test\n198.18.0.2 fd77:5::2 cdn.test\n");
  const auto table = open_table(folder);
  CHECK(table->name_of(ip("198.18.0.1")) == name("ok.test"));
  CHECK(issue(*table, "cdn.test") == "198.18.0.2");
  CHECK(issue(*table, "new.test") == "198.18.0.3");
  CHECK(folder.read("names").ends_with("\n198.18.0.3 fd77:5::3 new.test\n"));
}

TEST_CASE("a_torn_last_line_is_dropped_and_its_address_is_issued_again") {
  const TemporaryFolder folder;
  folder.write("names", "198.18.0.1 fd77:5::1 ok.test\n198.18.0.2 fd77:5::2 torn.te");
  const auto table = open_table(folder);
  CHECK(table->size() == 1);
  CHECK(issue(*table, "cdn.test") == "198.18.0.2");
  CHECK(folder.read("names") == "198.18.0.1 fd77:5::1 ok.test\n198.18.0.2 fd77:5::2 cdn.test\n");
}

TEST_CASE("anything_else_that_is_not_what_we_wrote_is_refused_with_its_line") {
  for (const std::string_view second :
       {"198.18.0.3 fd77:5::3 cdn.test\n", "198.18.0.2 fd77:5::2 ok.test\n", "198.18.0.2 fd77:5::2 Cdn.test\n",
        "198.18.0.2 fd77:5::2 cdn.test.\n", "198.18.0.2 fd77:5::2  cdn.test\n", "198.18.0.2 fd77:5::2\n", "\n",
        "198.18.0.2 fd77:5::2 cdn.test \n", "198.18.0.2 fd77:5::2 cdn..test\n", "10.0.0.1 fd77:5::2 cdn.test\n",
        "198.018.0.2 fd77:5::2 cdn.test\n", "198.18.0.2 fd77:5::3 cdn.test\n", "198.18.0.2 cdn.test\n",
        "198.18.0.2 fd77:5::02 cdn.test\n"}) {
    CAPTURE(second);
    const TemporaryFolder folder;
    folder.write("names", "198.18.0.1 fd77:5::1 ok.test\n" + std::string(second));
    const auto table = NameTable::open(kBlocks, folder.file("names"));
    REQUIRE_FALSE(table.has_value());
    CHECK(table.error().code == Errc::kInvalid);
    CHECK(table.error().message.starts_with(folder.file("names") + ":2: "));
  }
}

TEST_CASE("a_file_from_another_block_is_refused") {
  const TemporaryFolder folder;
  folder.write("names", "198.18.0.1 fd77:5::1 ok.test\n");
  CHECK_FALSE(NameTable::open({*Cidr::parse("10.99.0.0/16"), kBlocks.ipv6}, folder.file("names")).has_value());
  CHECK_FALSE(NameTable::open({kBlocks.ipv4, *Cidr::parse("fd77:6::/64")}, folder.file("names")).has_value());
  CHECK(NameTable::open(kBlocks, folder.file("names")).has_value());
}

TEST_CASE("refuses_a_link_a_folder_and_a_block_that_is_too_small") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("/etc/hostname", folder.file("names"));
  CHECK_FALSE(NameTable::open(kBlocks, folder.file("names")).has_value());
  CHECK_FALSE(NameTable::open(kBlocks, folder.path()).has_value());
  CHECK_FALSE(NameTable::open({*Cidr::parse("198.18.0.0/20"), kBlocks.ipv6}, folder.file("small")).has_value());
  CHECK_FALSE(NameTable::open({kBlocks.ipv4, *Cidr::parse("fd77:5::/116")}, folder.file("small")).has_value());
  CHECK(NameTable::open({*Cidr::parse("198.18.0.0/19"), kBlocks.ipv6}, folder.file("enough")).has_value());
  CHECK(folder.mode("enough") == 0600);
}

TEST_CASE("invariant_10_a_full_table_issues_nothing_more_and_keeps_what_it_has") {
  const TemporaryFolder folder;
  const auto table = open_table(folder);
  for (std::size_t i = 1; i <= NameTable::kCapacity; ++i)
    REQUIRE(table->issue(name(fmt::format("n{}.test", i)))->has_value());
  CHECK(issue(*table, "more.test") == "(full)");
  CHECK(issue(*table, "n4096.test") == "198.18.16.0");
  CHECK(table->name_of(ip("198.18.16.0")) == name("n4096.test"));
  CHECK(open_table(folder)->size() == NameTable::kCapacity);
}

TEST_CASE("invariant_8_a_name_that_cannot_be_written_down_gets_no_address") {
  const TemporaryFolder folder;
  const auto table = open_table(folder);
  issue(*table, "ok.test");
  // The file may grow by 5 more bytes: the next line is torn.
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = folder.read("names").size() + 5;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto torn = table->issue(name("cdn.test"));
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK_FALSE(torn.has_value());
  CHECK_FALSE(table->name_of(ip("198.18.0.2")).has_value());
  CHECK(folder.read("names") == "198.18.0.1 fd77:5::1 ok.test\n");
  CHECK(issue(*table, "new.test") == "198.18.0.2");
}

TEST_CASE("readers_in_other_threads_see_only_whole_names") {
  const TemporaryFolder folder;
  const auto table = open_table(folder);
  std::atomic<std::size_t> issued = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&] {
      while (issued.load(std::memory_order_acquire) < 1000) {
        const std::size_t known = issued.load(std::memory_order_acquire);
        for (std::uint32_t i = 1; i <= 1000; ++i) {
          const auto found = table->name_of(IpAddress::v4(0xc6120000 + i));
          if (found ? found->text() != fmt::format("n{}.test", i) : i <= known) ++wrong;
        }
      }
    });
  }
  for (std::size_t i = 1; i <= 1000; ++i) {
    REQUIRE(table->issue(name(fmt::format("n{}.test", i)))->has_value());
    issued.store(i, std::memory_order_release);
  }
  readers.clear();
  CHECK(wrong == 0);
}
