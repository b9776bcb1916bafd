// image list: what guests can be started from.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/images.h"

namespace enforcer::ctl {
namespace {

struct ImageListOptions {
  std::string root;
};

std::uint64_t bytes_of(const hostproto::ImageDescription& image) {
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : image.files) bytes += file.size;
  return bytes;
}

void print_list_json(const Tool& tool, const std::vector<FoundImage>& images) {
  nlohmann::json answer = control::answer_object();
  answer["images"] = nlohmann::json::array();
  for (const FoundImage& image : images) {
    nlohmann::json entry = {{"name", image.name}, {"folder", image.folder}};
    if (image.description) {
      entry.update({{"profile", image.description->profile},
                    {"kernel_version", image.description->kernel_version},
                    {"memory_mib", image.description->memory_mib},
                    {"bytes", bytes_of(*image.description)},
                    {"packages", image.description->packages.size()}});
    } else {
      entry["problem"] = image.description.error().message;
    }
    answer["images"].push_back(std::move(entry));
  }
  tool.print_json(control::dump(answer));
}

void print_list_table(const Tool& tool, const std::vector<FoundImage>& images) {
  Table table({"NAME", "PROFILE", "KERNEL", "MEMORY", "SIZE", "PACKAGES", "FOLDER"});
  for (const FoundImage& image : images) {
    if (!image.description) {
      table.add({image.name, "", "", "", "", "", image.folder});
      continue;
    }
    const auto& what = *image.description;
    table.add({image.name, what.profile, what.kernel_version, fmt::format("{} MiB", what.memory_mib),
               megabytes_text(bytes_of(what)), what.packages.empty() ? "" : std::to_string(what.packages.size()),
               image.folder});
  }
  if (!table.empty()) tool.terminal().out(table.render(tool.common.headers));
}

ExitCode list_images(Tool& tool, const ImageListOptions& options) {
  const auto roots = image_roots(tool, options.root);
  if (!roots) return tool.report(roots.error());
  if (std::error_code error; !options.root.empty() && !std::filesystem::exists(options.root, error))
    return tool.report({Errc::kNotFound, fmt::format("--root {}: no such folder", options.root)});
  const auto images = images_in(*roots);
  if (!images) return tool.report(images.error());
  if (tool.json()) {
    print_list_json(tool, *images);
  } else if (tool.common.output == Output::kName) {
    for (const FoundImage& image : *images) tool.terminal().out(image.name + "\n");
  } else {
    print_list_table(tool, *images);
  }
  if (images->empty())
    tool.say(fmt::format("no image in {}: 'enforcerctl image build mini' makes one", fmt::join(*roots, ", ")));
  ExitCode code = ExitCode::kOk;
  for (const FoundImage& image : *images) {
    if (image.description) continue;
    tool.say(image.description.error().message);
    code = ExitCode::kFindings;
  }
  return code;
}

}  // namespace

void add_image_list(CLI::App& image, CommandLine& line) {
  auto options = std::make_shared<ImageListOptions>();
  CLI::App& verb = add_verb(image, line,
                            {.name = "list",
                             .summary = "Lists the images that guests can be started from",
                             .examples = {"image list", "image list -o json"},
                             .more = "Exit code 3: one of them is broken; it is said why.",
                             .forms = {Output::kName}});
  verb.add_option("--root", options->root, "Where they are (default: the images.roots of the configuration)")
      ->type_name("DIR");
  when_listed(verb, line, options, list_images);
}

}  // namespace enforcer::ctl
