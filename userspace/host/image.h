// A guest image: a folder <root>/<name>/ with vmlinuz, initramfs and image.json, made by vm-images/build-mini.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

struct Image {
  std::string name;
  std::string kernel_version;
  Fd kernel;  ///< open for reading: QEMU gets the files that were checked, and needs no access to their folder
  Fd initramfs;
};

/// Opens the first image of that name in `roots`. The name comes from a less trusted process: only [a-z0-9-], 1-40
/// characters. kNotFound with the folders looked at and how to build it; kInvalid when a file is missing, is not what
/// image.json says, or may be written by others than its owner.
[[nodiscard]] Result<Image> open_image(const std::vector<std::string>& roots, std::string_view name);

}  // namespace enforcer::host
