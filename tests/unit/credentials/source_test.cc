// Files and the environment: what is a value, what is refused and with which words.
#include <sys/stat.h>

#include <cstring>

#include "../temporary_folder.h"
#include "credentials/environment.h"
#include "credentials/file_source.h"
#include "scratch.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

std::string text_of(const std::optional<Result<Value>>& value) {
  REQUIRE(value.has_value());
  return *value ? std::string((*value)->secret->reveal()) : "error: " + value->error().message;
}

std::string file_text(FileSource& source, const std::string& path) {
  return text_of(source.look(file_spec(path)));
}

}  // namespace

TEST_CASE("a_file_gives_its_content_without_one_newline") {
  const TemporaryFolder scratch;
  FileSource source;
  CHECK(file_text(source, scratch.write("a", "secret")) == "secret");
  CHECK(file_text(source, scratch.write("a", "secret\n")) == "secret");
  CHECK(file_text(source, scratch.write("a", "secret\r\n")) == "secret");
  CHECK(file_text(source, scratch.write("a", " a b\tc ")) == " a b\tc ");
  CHECK(file_text(source, scratch.write("a", std::string(64 * 1024, 'x') + "\r\n")).size() == 64 * 1024);
}

TEST_CASE("attack_151_a_file_with_line_breaks_or_controls_is_no_value") {
  const TemporaryFolder scratch;
  FileSource source;
  const auto refused = [&](std::string_view text, std::string_view why) {
    const std::string path = scratch.write("a", text);
    CHECK(file_text(source, path) == "error: " + path + ": " + std::string(why));
  };
  refused("", "the value is empty");
  refused("\n", "the value is empty");
  refused("\r\n", "the value is empty");
  refused("S3CR3T-CANARY\n\n", "the value has a line break inside");
  refused("S3CR3T-CANARY\r", "the value has a line break inside");
  refused("S3CR3T\r\nX: CANARY", "the value has a line break inside");
  refused({"S3CR3T\0CANARY", 13}, "the value has a control character inside");
  refused("S3CR3T\x7f", "the value has a control character inside");
  refused("\x1b[2J", "the value has a control character inside");
  refused(std::string(64 * 1024 + 1, 'x'), "the value has more than 65536 bytes");
  refused(std::string(64 * 1024 + 1, 'x') + "\n", "the value has more than 65536 bytes");
}

TEST_CASE("a_file_that_others_can_read_or_write_is_refused_with_what_to_do") {
  const TemporaryFolder scratch;
  FileSource source;
  for (const mode_t mode : {0600, 0400, 0640, 0440}) {
    CHECK(file_text(source, scratch.write("a", "v", mode)) == "v");
  }
  const auto refused = [&](mode_t mode) {
    const std::string said = file_text(source, scratch.write("a", kCanary, mode));
    CHECK_FALSE(said.contains(kCanary));
    return said.substr(said.find("/a: ") + 4);
  };
  CHECK(refused(0644) == "everybody can read it (mode 0644): chmod 0640 it, or 0600");
  CHECK(refused(0604).starts_with("everybody can read it"));
  CHECK(refused(0602).starts_with("everybody can write it"));
  CHECK(refused(0660).starts_with("its group can write it"));
}

TEST_CASE("only_regular_files_are_opened_and_no_link_is_followed") {
  const TemporaryFolder scratch;
  FileSource source;
  const std::string file = scratch.write("file", kCanary);
  REQUIRE(symlink(file.c_str(), scratch.file("link").c_str()) == 0);
  REQUIRE(mkfifo(scratch.file("fifo").c_str(), 0600) == 0);
  CHECK(file_text(source, file) == kCanary);
  CHECK(file_text(source, scratch.file("link")).contains("is a symbolic link: name the file itself"));
  CHECK(file_text(source, scratch.file("fifo")).contains("not a regular file"));
  CHECK(file_text(source, scratch.file("")).contains("not a regular file"));
  CHECK(file_text(source, "/dev/null").contains("not a regular file"));
  const auto missing = source.look(file_spec(scratch.file("missing")));
  CHECK(missing->error().code == Errc::kNotFound);
}

TEST_CASE("a_rotated_file_is_read_at_the_next_request") {
  const TemporaryFolder scratch;
  FileSource source;
  boost::asio::io_context io;
  const std::string path = scratch.write("a", "one\n");
  // Old enough to be kept: the second read must not open it for reading.
  const auto secret = [&] {
    const auto value = await(io, source.read(file_spec(path), Deadline::after(std::chrono::seconds(5))));
    return value ? value->secret : nullptr;
  };
  const auto first = secret();
  REQUIRE(first != nullptr);
  CHECK(first->reveal() == "one");

  SUBCASE("renamed_into_place") {
    scratch.write("b", "two\n");
    std::filesystem::rename(scratch.file("b"), path);
    CHECK(secret()->reveal() == "two");
  }
  SUBCASE("written_in_place_with_the_same_size_at_once") {
    std::ofstream(path, std::ios::binary) << "2nd\n";
    CHECK(secret()->reveal() == "2nd");
  }
  SUBCASE("made_readable_for_everybody") {
    chmod(path.c_str(), 0644);
    CHECK(secret() == nullptr);
    chmod(path.c_str(), 0600);
    CHECK(secret()->reveal() == "one");
  }
  SUBCASE("removed") {
    std::filesystem::remove(path);
    CHECK(secret() == nullptr);  // not the old value
  }
  CHECK(first->reveal() == "one");  // whoever has it goes on with it
}

TEST_CASE("a_file_that_does_not_change_is_read_once") {
  const TemporaryFolder scratch;
  FileSource source;
  const std::string path = scratch.write("a", "one");
  const auto look = [&] { return (*source.look(file_spec(path)))->secret; };
  // As soon as it is old enough, the same object comes back.
  REQUIRE(eventually([&] { return look() == look(); }));
  const auto kept = look();
  source.forget("bot");
  CHECK(look() != kept);
  CHECK(look()->reveal() == "one");
}

TEST_CASE("environment_variables_are_taken_once_and_leave_nothing_behind") {
  setenv("ENFORCER_TEST_TOKEN", "S3CR3T-CANARY", 1);
  setenv("ENFORCER_TEST_BAD", "S3CR3T\nCANARY", 1);
  setenv("ENFORCER_TEST_OTHER", "kept", 1);
  const char* const place = std::getenv("ENFORCER_TEST_TOKEN");
  const std::string names[] = {"ENFORCER_TEST_TOKEN", "ENFORCER_TEST_BAD", "ENFORCER_TEST_UNSET"};
  const auto environment = Environment::take(names);
  const auto look = [&](std::string variable) {
    return environment->look(spec("bot", {.kind = Kind::kEnv, .variable = std::move(variable)}));
  };
  CHECK(text_of(look("ENFORCER_TEST_TOKEN")) == kCanary);
  CHECK(text_of(look("ENFORCER_TEST_BAD")) ==
        "error: environment variable ENFORCER_TEST_BAD: the value has a line break inside");
  CHECK(look("ENFORCER_TEST_UNSET")->error().code == Errc::kNotFound);
  CHECK(text_of(look("ENFORCER_TEST_OTHER")).contains("restart enforcerd"));  // no credential named it
  CHECK(std::getenv("ENFORCER_TEST_TOKEN") == nullptr);
  CHECK(std::getenv("ENFORCER_TEST_BAD") == nullptr);
  CHECK(std::string_view(std::getenv("ENFORCER_TEST_OTHER")) == "kept");
  CHECK(std::string_view(place, kCanary.size()) == std::string(kCanary.size(), '\0'));
}
