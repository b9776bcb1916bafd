// PolicyStore and its history: what is kept, what can be gone back to, and what is refused.
#include "enforcerd/policy_store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "../temporary_folder.h"
#include "base/digest.h"

using namespace enforcer;
using namespace enforcer::enforcerd;

namespace {

namespace fs = std::filesystem;

std::string policy_named(const std::string& name, const std::string& host) {
  return fmt::format(
      "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: {}}}\nspec:\n  guests: {{matchLabels: {{role: "
      "agent}}}}\n  allow: [{{name: a, to: [{}]}}]\n",
      name, host);
}

/// A store with a folder of configured files and an instance of its own, both of which go with it.
class Shelf {
 public:
  Shelf() {
    fs::create_directory(configured());
    config_.policies = {configured()};
    config_.credentials = {};
  }
  ~Shelf() { fs::remove_all(paths().state_dir()); }
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;

  [[nodiscard]] std::string configured() const { return folder_.file("policies"); }
  [[nodiscard]] config::Paths paths() const { return config::Paths::of(fs::path(folder_.path()).filename().string()); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(configured() + "/" + name) << text;
    fs::permissions(configured() + "/" + name, fs::perms::owner_read | fs::perms::owner_write);
  }
  [[nodiscard]] PolicyStore store() const { return {config_, paths()}; }

 private:
  TemporaryFolder folder_;
  config::Config config_;
};

std::uint64_t applied(PolicyStore& store, const std::string& text) {
  const auto report = store.apply({{"given.yaml", text}}, {.what = "apply", .uid = 7, .user = "ada"});
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  REQUIRE_MESSAGE(report->loaded, report->error);
  return store.current()->generation();
}

std::string names_of(const PolicyStore& store) {
  std::string names;
  for (const auto& policy : store.current()->policies()) names += policy.name + " ";
  return names;
}

/// No file may become larger meanwhile: a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t most) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit less{most, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &less) == 0);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

std::string stored_files(const Shelf& shelf) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(shelf.paths().policies_dir()))
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, " "));
}

bool writable_state() {
  if (getuid() == 0) return true;
  fmt::print("SKIP: the state folder is under /var/lib, which needs root\n");
  return false;
}

}  // namespace

TEST_CASE("a_rollback_restores_replaces_and_removes_what_was_applied") {
  if (!writable_state()) return;
  const Shelf shelf;
  shelf.write("c.yaml", policy_named("configured", "c.test"));
  PolicyStore store = shelf.store();
  REQUIRE(store.load_at_start().loaded);
  const auto first = applied(store, policy_named("one", "old.test"));
  applied(store, policy_named("one", "new.test") + "---\n" + policy_named("two", "two.test"));
  CHECK(names_of(store) == "configured one two ");
  const auto report = store.roll_back(first, {.what = "rollback"});
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  CHECK(report->loaded);
  CHECK(names_of(store) == "configured one ");
  CHECK(store.current()->generation() == first + 2);
  CHECK(store.history().all().back().cause.what == "rollback");
  const auto old = std::ranges::find_if(store.sources(), [](const auto& s) { return s.text.contains("old.test"); });
  CHECK(old != store.sources().end());
  // And a daemon that starts anew is where that one was.
  PolicyStore again = shelf.store();
  REQUIRE(again.load_at_start().loaded);
  CHECK(names_of(again) == "configured one ");
}

TEST_CASE("a_rollback_that_would_need_other_configured_files_is_refused_and_names_them") {
  if (!writable_state()) return;
  const Shelf shelf;
  shelf.write("c.yaml", policy_named("configured", "c.test"));
  shelf.write("gone.yaml", policy_named("gone", "g.test"));
  PolicyStore store = shelf.store();
  REQUIRE(store.load_at_start().loaded);
  const auto first = applied(store, policy_named("one", "old.test"));
  const auto second = applied(store, policy_named("one", "new.test"));
  shelf.write("c.yaml", policy_named("configured", "changed.test"));
  shelf.write("new.yaml", policy_named("new", "n.test"));
  fs::remove(shelf.configured() + "/gone.yaml");
  const auto refused = store.roll_back(first, {.what = "rollback"});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::kConflict);
  CHECK(refused.error().message.contains("c.yaml (changed)"));
  CHECK(refused.error().message.contains("gone.yaml (gone)"));
  CHECK(refused.error().message.contains("new.yaml (new)"));
  CHECK(store.current()->generation() == second);
  // Nothing was written: with the files as they were it works.
  shelf.write("c.yaml", policy_named("configured", "c.test"));
  shelf.write("gone.yaml", policy_named("gone", "g.test"));
  fs::remove(shelf.configured() + "/new.yaml");
  REQUIRE(store.roll_back(first, {.what = "rollback"}).has_value());
}

TEST_CASE("a_rollback_to_what_is_not_kept_or_in_force_is_refused") {
  if (!writable_state()) return;
  const Shelf shelf;
  PolicyStore store = shelf.store();
  REQUIRE(store.load_at_start().loaded);
  const auto in_force = applied(store, policy_named("one", "a.test"));
  CHECK(store.roll_back(in_force, {.what = "rollback"}).error().code == Errc::kConflict);
  CHECK(store.roll_back(99, {.what = "rollback"}).error().code == Errc::kNotFound);
}

TEST_CASE("a_change_that_is_written_in_part_changes_nothing") {
  if (!writable_state()) return;
  const Shelf shelf;
  PolicyStore store = shelf.store();
  REQUIRE(store.load_at_start().loaded);
  const std::string large = "# " + std::string(100'000, 'x') + "\n" + policy_named("two", "two.test");
  const auto small = applied(store, policy_named("one", "old.test"));
  const auto both = applied(store, policy_named("one", "old.test") + "---\n" + large);
  const auto third = applied(store, policy_named("one", "third.test") + "---\n" + policy_named("three", "t.test"));
  const auto is_third = [&] {
    PolicyStore again = shelf.store();
    REQUIRE(again.load_at_start().loaded);
    CHECK(names_of(again) == "one three two ");
    CHECK(std::ranges::any_of(again.sources(), [](const auto& s) { return s.text.contains("third.test"); }));
  };
  {
    const FullDisk disk(50'000);
    const auto failed = store.apply({{"g.yaml", policy_named("one", "new.test") + "---\n" + large}}, {.what = "apply"});
    REQUIRE_FALSE(failed.has_value());
    REQUIRE_FALSE(store.roll_back(both, {.what = "rollback"}).has_value());
  }
  CHECK(store.current()->generation() == third);
  CHECK(stored_files(shelf) == "policy-one.yaml policy-three.yaml policy-two.yaml");
  CHECK_FALSE(fs::exists(shelf.paths().policies_dir() + ".new"));
  is_third();
  // What a crash left behind is in nobody's way.
  fs::create_directory(shelf.paths().policies_dir() + ".new");
  std::ofstream(shelf.paths().policies_dir() + ".new/policy-x.yaml") << "x";
  REQUIRE(store.roll_back(small, {.what = "rollback"}).has_value());
  CHECK(stored_files(shelf) == "policy-one.yaml");
}

TEST_CASE("a_rollback_to_what_is_in_force_mends_a_store_that_holds_something_else") {
  if (!writable_state()) return;
  const Shelf shelf;
  PolicyStore store = shelf.store();
  REQUIRE(store.load_at_start().loaded);
  const auto in_force = applied(store, policy_named("one", "a.test"));
  std::ofstream(shelf.paths().policies_dir() + "/policy-one.yaml") << policy_named("one", "b.test");
  REQUIRE(store.roll_back(in_force, {.what = "rollback"}).has_value());
  CHECK(std::ranges::any_of(store.sources(), [](const auto& source) { return source.text.contains("a.test"); }));
  CHECK(store.roll_back(store.current()->generation(), {.what = "rollback"}).error().code == Errc::kConflict);
}

TEST_CASE("unchanged_sources_are_one_entry_and_the_last_ten_are_kept") {
  if (!writable_state()) return;
  const Shelf shelf;
  PolicyStore store = shelf.store();
  REQUIRE(store.load_at_start().loaded);
  for (int i = 0; i < 3; ++i) REQUIRE(store.reload({.what = "reload"}).loaded);
  REQUIRE(store.history().all().size() == 1);
  CHECK(store.history().all()[0].first == 1);
  CHECK(store.history().all()[0].last == 4);
  CHECK(store.history().all()[0].cause.what == "start");
  for (int i = 0; i < 11; ++i) applied(store, policy_named("one", fmt::format("h{}.test", i)));
  CHECK(store.history().all().size() == GenerationHistory::kKept);
  CHECK(store.history().find(4).error().code == Errc::kNotFound);
  CHECK(store.history().find(store.current()->generation()).has_value());
  // The numbers go on after a restart, and what was kept is still there.
  const auto before = store.current()->generation();
  PolicyStore again = shelf.store();
  REQUIRE(again.load_at_start().loaded);
  CHECK(again.current()->generation() == before + 1);
  CHECK(again.history().all().size() == GenerationHistory::kKept);
  CHECK(again.history().all().back().last == before + 1);
  CHECK(again.history().all().back().cause.uid == uid_t{7});
  CHECK(again.history().all().back().cause.user == "ada");
  for (const PolicyStore* kept : {&store, &again}) {
    for (const KeptGeneration& generation : kept->history().all()) {
      REQUIRE(generation.summaries.size() == generation.sources.size());
      for (std::size_t i = 0; i < generation.sources.size(); ++i)
        CHECK(generation.summaries[i].sha256 == sha256_hex(generation.sources[i].text));
    }
  }
}

TEST_CASE("the_oldest_generation_stays_on_the_disk_where_the_newest_could_not_be_written") {
  if (!writable_state()) return;
  const Shelf shelf;
  const std::string folder = shelf.paths().state_dir() + "/generations";
  GenerationHistory history(folder);
  const auto keep = [&](std::uint64_t number) {
    return history.keep(number, {.what = "apply"}, {{"p.yaml", fmt::format("# {}", number)}});
  };
  for (std::uint64_t number = 1; number <= GenerationHistory::kKept; ++number) REQUIRE(keep(number));
  {
    const FullDisk disk(10);
    REQUIRE_FALSE(keep(11));
  }
  CHECK(history.all().size() == GenerationHistory::kKept);
  CHECK(fs::exists(folder + "/1.json"));
  CHECK_FALSE(fs::exists(folder + "/11.json.new"));
  CHECK(GenerationHistory(folder).all().size() == GenerationHistory::kKept);
  REQUIRE(keep(12));  // the control
  CHECK_FALSE(fs::exists(folder + "/2.json"));
}

TEST_CASE("which_sources_hold_credentials_is_known") {
  const std::string credential =
      "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: x}\nspec: {source: {store: true}, inject: [{to: "
      "[a.test], as: bearer}]}\n";
  const TemporaryFolder folder;
  {
    GenerationHistory history(folder.path());
    REQUIRE(history.keep(
        1, {.what = "apply"},
        {{"a", policy_named("a", "a.test")}, {"b", policy_named("b", "b.test") + "---\n" + credential}, {"c", "{"}}));
  }
  const GenerationHistory again(folder.path());
  std::string held;
  for (const SourceSummary& summary : again.all().back().summaries) held += summary.holds_credentials ? "1" : "0";
  CHECK(held == "011");
}

TEST_CASE("a_file_of_the_history_that_is_not_ours_is_left_out") {
  if (!writable_state()) return;
  const Shelf shelf;
  const std::string folder = shelf.paths().state_dir() + "/generations";
  {
    PolicyStore store = shelf.store();
    REQUIRE(store.load_at_start().loaded);
    applied(store, policy_named("one", "a.test"));
  }
  std::ofstream(folder + "/7.json") << "{\"first\":7";
  std::ofstream(folder + "/8.json") << R"({"first":8,"last":8,"time":"x","cause":"","sources":[]})";
  const GenerationHistory history(folder);
  CHECK(history.all().size() == 2);
  CHECK(history.newest() == 2);
}

TEST_CASE("an_applied_credential_that_runs_a_program_is_no_better_after_a_rollback") {
  if (!writable_state()) return;
  const Shelf shelf;
  PolicyStore store = shelf.store();
  REQUIRE(store.load_at_start().loaded);
  const auto first = applied(store, policy_named("one", "a.test"));
  applied(store, policy_named("one", "b.test"));
  // Whoever could write the history could have written the store.
  const std::string file = fmt::format("{}/generations/{}.json", shelf.paths().state_dir(), first);
  std::ofstream(file) << fmt::format(
      R"({{"first":{0},"last":{0},"time":"2026-01-01T00:00:00.000Z","cause":"apply",)"
      R"("sources":[{{"name":"credential-x.yaml",)"
      R"("applied":true,"text":"apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {{name: x}}\nspec: {{source: )"
      R"({{exec: [/bin/true]}}, inject: [{{to: [a.test], as: bearer}}]}}\n"}}]}})",
      first);
  PolicyStore again = shelf.store();
  REQUIRE(again.load_at_start().loaded);
  const auto report = again.roll_back(first, {.what = "rollback"});
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  CHECK_FALSE(report->loaded);
  CHECK(report->error.contains("E0218"));
  CHECK(names_of(again) == "one ");
}
