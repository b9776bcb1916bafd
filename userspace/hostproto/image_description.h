// image.json: what a guest image is, as vm-images/build writes it, hostd checks it and the tool shows it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace enforcer::hostproto {

inline constexpr std::size_t kMaxImageDescription = std::size_t{1} << 20;
inline constexpr const char* kImageDescription = "image.json";
// The other files of an image; the last one only where it has a root file system of its own.
inline constexpr const char* kImageKernel = "vmlinuz";
inline constexpr const char* kImageInitramfs = "initramfs";
inline constexpr const char* kImageRoot = "root.erofs";

struct ImageDescription {
  struct File {
    std::uint64_t size = 0;
    std::string sha256;  ///< 64 hex digits in lower case
  };
  std::string profile;           ///< "mini"
  std::string kernel_version;    ///< "6.1.0-56-cloud-amd64"
  std::uint32_t memory_mib = 0;  ///< of a guest, unless somebody says otherwise
  std::map<std::string, File, std::less<>> files;
  std::map<std::string, std::string, std::less<>> packages;  ///< name -> version; empty without a root file system

  [[nodiscard]] bool has_root() const { return files.contains(kImageRoot); }
};

/// An image is named by 1-40 characters of a-z, 0-9 and '-': no name leads out of the folder of the images.
[[nodiscard]] bool is_image_name(std::string_view name);

/// kInvalid with the field that is missing or wrong. Fields that are not known are left alone.
[[nodiscard]] Result<ImageDescription> parse_image_description(std::string_view text);

}  // namespace enforcer::hostproto
