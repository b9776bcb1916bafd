// image list and image show on made-up images; no daemon.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "../temporary_folder.h"
#include "base/digest.h"
#include "captured_terminal.h"

using namespace enforcer;
using namespace enforcer::ctl::testing;

namespace {

struct ImagesFolder : TemporaryFolder {
  /// An image that is whole.
  void make_image(const std::string& name, const std::string& packages = "{}") const {
    nlohmann::json files;
    for (const std::string& file : {std::string("vmlinuz"), std::string("initramfs")}) {
      const std::string text = name + "'s " + file;
      write(name + "/" + file, text);
      files[file] = {{"size", text.size()}, {"sha256", sha256_hex(text)}};
    }
    write(name + "/image.json",
          fmt::format(R"({{"profile":"{}","kernel_version":"6.1","memory_mib":512,"files":{},"packages":{}}})", name,
                      files.dump(), packages));
  }
};

bool says(const std::string& text, std::string_view part) {
  return text.contains(part);
}

TEST_CASE("image_list_shows_each_image_and_none_of_a_build_that_runs") {
  const ImagesFolder images;
  images.make_image("mini");
  images.make_image("agent", R"({"git":"1:2","curl":"7"})");
  images.write(".agent.x.new/vmlinuz", "half");
  images.write("a file", "");
  const auto table = run({"image", "list", "--root", images.path()});
  CHECK(table.status == 0);
  CHECK(table.out.starts_with("NAME"));
  CHECK(table.out.find("agent") < table.out.find("mini"));
  CHECK(says(table.out, "512 MiB"));
  CHECK(std::ranges::count(table.out, '\n') == 3);

  const auto json = nlohmann::json::parse(run({"image", "list", "--root", images.path(), "-o", "json"}).out);
  CHECK(json["api_version"] == "v1");
  REQUIRE(json["images"].size() == 2);
  CHECK(json["images"][0]["name"] == "agent");
  CHECK(json["images"][0]["packages"] == 2);
  CHECK(json["images"][0]["bytes"] == 32);
  CHECK(json["images"][1]["folder"] == images.path() + "/mini");
  CHECK(run({"image", "list", "--root", images.path(), "-o", "name"}).out == "agent\nmini\n");
}

TEST_CASE("image_list_without_images_says_how_one_is_made") {
  const ImagesFolder images;
  const auto ran = run({"image", "list", "--root", images.path()});
  CHECK(ran.status == 0);
  CHECK(ran.out.empty());
  CHECK(ran.err == fmt::format("no image in {}: 'enforcerctl image build mini' makes one\n", images.path()));
  // A folder that somebody names is there.
  const auto missing = run({"image", "list", "--root", images.path() + "/missing"});
  CHECK(missing.status == 5);
  CHECK(missing.err.contains("/missing: no such folder"));
}

TEST_CASE("broken_image_is_listed_with_its_problem") {
  const ImagesFolder images;
  images.make_image("mini");
  images.write("broken/image.json", R"({"profile":"mini"})");
  const auto ran = run({"image", "list", "--root", images.path()});
  CHECK(ran.status == 3);
  CHECK(says(ran.out, "broken"));
  CHECK(ran.err == images.path() + "/broken/image.json: \"kernel_version\" must be a text of at most 200 bytes\n");
  const auto json = nlohmann::json::parse(run({"image", "list", "--root", images.path(), "-o", "json"}).out);
  CHECK(json["images"][0]["problem"].get<std::string>().ends_with("at most 200 bytes"));
  CHECK_FALSE(json["images"][1].contains("problem"));
  CHECK(run({"image", "show", "broken", "--root", images.path()}).status == 1);
}

TEST_CASE("image_show_says_which_file_is_another_one") {
  const ImagesFolder images;
  images.make_image("mini");
  const auto whole = run({"image", "show", "mini", "--root", images.path()});
  CHECK(whole.status == 0);
  CHECK(says(whole.out, sha256_hex("mini's vmlinuz")));
  CHECK(says(whole.err, "profile mini, kernel 6.1, 512 MiB of memory for a guest"));

  images.write("mini/vmlinuz", "Mini's vmlinuz");
  const auto changed = run({"image", "show", "mini", "--root", images.path(), "-o", "json"});
  CHECK(changed.status == 3);
  const auto files = nlohmann::json::parse(changed.out)["files"];
  CHECK(files[1]["name"] == "vmlinuz");
  CHECK(files[1]["problem"] == "another content");
  CHECK_FALSE(files[0].contains("problem"));

  images.write("mini/vmlinuz", "mini");
  CHECK(says(run({"image", "show", "mini", "--root", images.path()}).out, "4 bytes"));
  std::filesystem::remove(images.path() + "/mini/vmlinuz");
  CHECK(says(run({"image", "show", "mini", "--root", images.path()}).out, "missing: No such file or directory"));
}

TEST_CASE("image_show_has_the_packages") {
  const ImagesFolder images;
  images.make_image("agent", R"({"git":"1:2.39","curl":"7.88"})");
  const auto ran = run({"image", "show", "agent", "--packages", "--no-headers", "--root", images.path()});
  CHECK(ran.status == 0);
  CHECK(ran.out.find("curl") < ran.out.find("7.88"));
  CHECK(ran.out.find("7.88") < ran.out.find("git"));
}

TEST_CASE("image_that_is_not_there_or_has_no_name_is_refused") {
  const ImagesFolder images;
  const auto missing = run({"image", "show", "maxi", "--root", images.path()});
  CHECK(missing.status == 5);
  CHECK(says(missing.err, "no image 'maxi' in " + images.path()));
  CHECK(run({"image", "show", "../mini", "--root", images.path()}).status == 1);
  const auto unknown = run({"image", "build", "maxi", "--root", images.path()});
  CHECK(unknown.status == 2);
}

}  // namespace
