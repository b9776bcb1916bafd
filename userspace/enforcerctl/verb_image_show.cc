// image show: what an image is, whether its files are what they were when it was built, and what is in its root.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/fd.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/images.h"

namespace enforcer::ctl {
namespace {

struct ImageShowOptions {
  std::string name;
  std::string root;
  bool packages = false;
};

/// What is wrong with a file, or nothing. Reads all of it.
std::string trouble_with(const std::string& path, const hostproto::ImageDescription::File& expected) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return fail_errno("missing").error().message;
  if (static_cast<std::uint64_t>(status.st_size) != expected.size) return fmt::format("{} bytes", status.st_size);
  const auto digest = sha256_hex_of_file(file.get());
  if (!digest) return digest.error().message;
  return *digest == expected.sha256 ? "" : "another content";
}

struct CheckedFile {
  std::string name;
  hostproto::ImageDescription::File expected;
  std::string trouble;
};

void print_image_json(const Tool& tool, const FoundImage& image, const std::vector<CheckedFile>& files) {
  nlohmann::json answer = control::answer_object();
  answer.update({{"name", image.name},
                 {"folder", image.folder},
                 {"profile", image.description->profile},
                 {"kernel_version", image.description->kernel_version},
                 {"memory_mib", image.description->memory_mib},
                 {"files", nlohmann::json::array()},
                 {"packages", nlohmann::json(image.description->packages)}});
  for (const CheckedFile& file : files) {
    nlohmann::json entry = {{"name", file.name}, {"size", file.expected.size}, {"sha256", file.expected.sha256}};
    if (!file.trouble.empty()) entry["problem"] = file.trouble;
    answer["files"].push_back(std::move(entry));
  }
  tool.print_json(control::dump(answer));
}

void print_image_tables(const Tool& tool, const FoundImage& image, const std::vector<CheckedFile>& files) {
  Table table({"FILE", "SIZE", "SHA-256", "PROBLEM"});
  for (const CheckedFile& file : files)
    table.add({file.name, megabytes_text(file.expected.size), file.expected.sha256, file.trouble});
  tool.terminal().out(table.render(tool.common.headers));
  tool.say(fmt::format("{}: profile {}, kernel {}, {} MiB of memory for a guest, {} packages", image.folder,
                       image.description->profile, image.description->kernel_version, image.description->memory_mib,
                       image.description->packages.size()));
}

ExitCode show_image(Tool& tool, const ImageShowOptions& options) {
  const auto roots = image_roots(tool, options.root);
  if (!roots) return tool.report(roots.error());
  const auto image = find_image(*roots, options.name);
  if (!image) return tool.report(image.error());
  if (!image->description) return tool.report(image->description.error());

  std::vector<CheckedFile> files;
  ExitCode code = ExitCode::kOk;
  for (const auto& [name, expected] : image->description->files) {
    files.push_back({name, expected, trouble_with(fmt::format("{}/{}", image->folder, name), expected)});
    if (!files.back().trouble.empty()) code = ExitCode::kFindings;
  }
  if (tool.json()) {
    print_image_json(tool, *image, files);
  } else if (options.packages) {
    Table table({"PACKAGE", "VERSION"});
    for (const auto& [name, version] : image->description->packages) table.add({name, version});
    if (!table.empty()) tool.terminal().out(table.render(tool.common.headers));
  } else {
    print_image_tables(tool, *image, files);
  }
  if (code == ExitCode::kFindings) tool.say("no guest will be started from it: build it again");
  return code;
}

}  // namespace

void add_image_show(CLI::App& image, CommandLine& line) {
  auto options = std::make_shared<ImageShowOptions>();
  CLI::App& verb = add_verb(image, line,
                            {.name = "show",
                             .summary = "Shows what an image is, and whether its files are as they were built",
                             .examples = {"image show agent", "image show agent --packages", "image show mini -o json"},
                             .more = "Exit code 3: a file is missing or another one."});
  verb.add_option("IMAGE", options->name, "The image's name")->required();
  verb.add_option("--root", options->root, "Where it is (default: the images.roots of the configuration)")
      ->type_name("DIR");
  verb.add_flag("--packages", options->packages, "The Debian packages of its root file system, with their versions");
  when_chosen(verb, line, options, show_image);
}

}  // namespace enforcer::ctl
