#include "enforcerctl/images.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>

#include "base/files.h"
#include "enforcerctl/configured.h"

namespace enforcer::ctl {
namespace {

namespace fs = std::filesystem;

Result<hostproto::ImageDescription> read_description(const std::string& folder) {
  const std::string path = fmt::format("{}/{}", folder, hostproto::kImageDescription);
  const std::string text = TRY(read_file(path, hostproto::kMaxImageDescription, LastLink::kFollow));
  auto description = hostproto::parse_image_description(text);
  if (!description) return fail_in(path, description.error());
  return description;
}

}  // namespace

Result<std::vector<std::string>> image_roots(const Tool& tool, const std::string& given) {
  if (!given.empty()) return std::vector<std::string>{given};
  return TRY(loaded_config(tool.common.config, "with --root it is not needed")).images.roots;
}

Result<std::vector<FoundImage>> images_in(const std::vector<std::string>& roots) {
  std::map<std::string, FoundImage> found;
  for (const std::string& root : roots) {
    std::error_code error;
    fs::directory_iterator entries(root, error);
    if (error == std::errc::no_such_file_or_directory) continue;
    if (error) return fail(Errc::kIo, fmt::format("{}: {}", root, error.message()));
    for (; entries != fs::directory_iterator(); entries.increment(error)) {
      const std::string name = entries->path().filename();
      const std::string folder = fmt::format("{}/{}", root, name);
      // A build has a folder with a dot while it runs; that is no name of an image.
      if (hostproto::is_image_name(name) && entries->is_directory(error) && !found.contains(name))
        found.emplace(name, FoundImage{.name = name, .folder = folder, .description = read_description(folder)});
    }
    if (error) return fail(Errc::kIo, fmt::format("{}: {}", root, error.message()));
  }
  std::vector<FoundImage> images;
  for (auto& [name, image] : found) images.push_back(std::move(image));
  return images;
}

Result<FoundImage> find_image(const std::vector<std::string>& roots, const std::string& name) {
  if (!hostproto::is_image_name(name))
    return fail(Errc::kInvalid, "an image name is 1-40 characters of a-z, 0-9 and '-'");
  for (FoundImage& image : TRY(images_in(roots)))
    if (image.name == name) return std::move(image);
  return fail(Errc::kNotFound, fmt::format("no image '{}' in {}", name, fmt::join(roots, ", ")));
}

std::string megabytes_text(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace enforcer::ctl
