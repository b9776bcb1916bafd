#include "hostproto/image_description.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "hostproto/messages.h"

namespace enforcer::hostproto {
namespace {

const std::string kHash(64, 'a');

std::string file_entry(std::string_view name) {
  return fmt::format(R"("{}":{{"size":7,"sha256":"{}"}})", name, kHash);
}

std::string image_json(std::string_view files, std::string_view more = "") {
  return fmt::format(R"({{"profile":"agent","kernel_version":"6.1","memory_mib":512,"files":{{{}}}{}}})", files, more);
}

std::string two_files() {
  return file_entry("vmlinuz") + "," + file_entry("initramfs");
}

std::string complaint(std::string_view text) {
  const auto parsed = parse_image_description(text);
  return parsed ? "" : parsed.error().message;
}

TEST_CASE("image_description_is_read") {
  const auto mini = parse_image_description(image_json(two_files()));
  REQUIRE(mini);
  CHECK(mini->profile == "agent");
  CHECK(mini->kernel_version == "6.1");
  CHECK(mini->memory_mib == 512);
  CHECK(mini->files.find("vmlinuz")->second.size == 7);
  CHECK(mini->files.find("vmlinuz")->second.sha256 == kHash);
  CHECK_FALSE(mini->has_root());
  CHECK(mini->packages.empty());

  const auto agent = parse_image_description(
      image_json(two_files() + "," + file_entry("root.erofs"), R"(,"packages":{"git":"1:2.39.5-0"},"later":[1])"));
  REQUIRE(agent);
  CHECK(agent->has_root());
  CHECK(agent->packages.find("git")->second == "1:2.39.5-0");
}

TEST_CASE("wrong_image_descriptions_are_refused_with_the_field") {
  CHECK(complaint("") == "not a JSON object");
  CHECK(complaint("[]") == "not a JSON object");
  CHECK(complaint("{}") == "\"profile\" must be a text of at most 200 bytes");
  CHECK(complaint(R"({"profile":7})") == "\"profile\" must be a text of at most 200 bytes");
  CHECK(complaint(R"({"profile":"mini"})") == "\"kernel_version\" must be a text of at most 200 bytes");
  for (const char* memory : {"63", "65537", "-1", "256.5", "\"256\"", "null"})
    CHECK(complaint(fmt::format(R"({{"profile":"a","kernel_version":"b","memory_mib":{}}})", memory)) ==
          "\"memory_mib\" must be 64-65536");
  for (const std::uint32_t memory : {kLeastMemoryMib, kMostMemoryMib})
    CHECK(complaint(fmt::format(R"({{"profile":"a","kernel_version":"b","memory_mib":{}}})", memory)) ==
          "\"files\" must be an object");
  CHECK(complaint(image_json(file_entry("vmlinuz"))) == "no file \"initramfs\"");
  CHECK(complaint(image_json(two_files(), R"(,"packages":[])")) == "\"packages\" must be an object");
  CHECK(complaint(image_json(two_files(), R"(,"packages":{"git":2})")) == "package \"git\" needs a version");
}

TEST_CASE("file_without_a_proper_hash_or_size_is_refused") {
  const std::string wanted = "file \"vmlinuz\" needs a \"size\" and a \"sha256\" of 64 hexadecimal digits";
  for (const std::string& entry :
       {std::string("7"), std::string(R"({"size":7})"), fmt::format(R"({{"sha256":"{}"}})", kHash),
        fmt::format(R"({{"size":-1,"sha256":"{}"}})", kHash), fmt::format(R"({{"size":7,"sha256":"{}a"}})", kHash),
        fmt::format(R"({{"size":7,"sha256":"{}"}})", std::string(64, 'A')),
        fmt::format(R"({{"size":7,"sha256":"{}"}})", std::string(63, 'a'))})
    CHECK(complaint(image_json(fmt::format(R"("vmlinuz":{})", entry))) == wanted);
}

TEST_CASE("image_names_cannot_leave_their_folder") {
  for (const char* name : {"mini", "a", "agent-2", "0123456789012345678901234567890123456789"})
    CHECK(is_image_name(name));
  for (const char* name : {"", ".", "..", "a/b", "A", "a b", "a\n", "01234567890123456789012345678901234567890"})
    CHECK_FALSE(is_image_name(name));
}

}  // namespace
}  // namespace enforcer::hostproto
