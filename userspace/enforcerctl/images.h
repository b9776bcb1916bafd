// The guest images on this machine, as the tool finds them: folders of the images' roots with an image.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "enforcerctl/tool.h"
#include "hostproto/image_description.h"

namespace enforcer::ctl {

/// The folder that was given, else those of the configuration file; kInvalid: the file does not load.
Result<std::vector<std::string>> image_roots(const Tool& tool, const std::string& given);

struct FoundImage {
  std::string name;
  std::string folder;
  Result<hostproto::ImageDescription> description;  ///< or why it is no image that a guest could have
};

/// All of them, sorted by name. Where two roots have one of the same name, the first is what guests get, and the only
/// one that is found. Roots that do not exist have none. kIo: a root cannot be read.
Result<std::vector<FoundImage>> images_in(const std::vector<std::string>& roots);

/// kInvalid: that is no name of an image. kNotFound with the roots.
Result<FoundImage> find_image(const std::vector<std::string>& roots, const std::string& name);

/// "321.4 MB": millions of bytes.
[[nodiscard]] std::string megabytes_text(std::uint64_t bytes);

}  // namespace enforcer::ctl
