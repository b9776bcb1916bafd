#include "host/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/ascii.h"

namespace enforcer::host {
namespace {

constexpr off_t kMaxDescription = 64 * 1024;
constexpr std::string_view kHowToBuild = "build it with vm-images/build-mini";

bool is_image_name(std::string_view name) {
  return !name.empty() && name.size() <= 40 &&
         std::ranges::all_of(name, [](char c) { return ascii::is_lower(c) || ascii::is_digit(c) || c == '-'; });
}

struct OpenFile {
  Fd fd;
  off_t size = 0;
};

/// A regular file that only its owner may change: QEMU runs what is in it with our tap.
Result<OpenFile> open_trusted(const std::string& path) {
  OpenFile file{Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)), 0};
  if (!file.fd.valid()) return fail(Errc::kInvalid, fmt::format("{}: {}; {}", path, std::strerror(errno), kHowToBuild));
  struct stat status{};
  if (::fstat(file.fd.get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, path + ": not a regular file");
  if ((status.st_mode & 0022) != 0)
    return fail(Errc::kInvalid, path + ": others than its owner may write it (chmod go-w)");
  if ((status.st_mode & 0004) == 0)
    return fail(Errc::kInvalid, path + ": QEMU, which runs as an unprivileged user, may not read it (chmod a+r)");
  file.size = status.st_size;
  return file;
}

Result<nlohmann::json> read_description(const std::string& path) {
  const OpenFile file = TRY(open_trusted(path));
  if (file.size > kMaxDescription) return fail(Errc::kInvalid, path + ": too large");
  std::string text(static_cast<std::size_t>(file.size), '\0');
  const ssize_t count = ::read(file.fd.get(), text.data(), text.size());
  if (count != static_cast<ssize_t>(text.size())) return fail_errno(path);
  auto description = nlohmann::json::parse(text, nullptr, false);
  if (!description.is_object())
    return fail(Errc::kInvalid, fmt::format("{}: not a JSON object; {}", path, kHowToBuild));
  return description;
}

/// One file of the image, with the size that image.json gives: a build or a copy that stopped half-way is found here
/// and not as a guest that hangs.
Result<Fd> open_part(const std::string& folder, const nlohmann::json& description, const std::string& name) {
  const nlohmann::json::json_pointer where("/files/" + name + "/size");
  const std::string path = folder + "/" + name;
  OpenFile file = TRY(open_trusted(path));
  if (!description.contains(where) || !description[where].is_number_integer() ||
      description[where].get<off_t>() != file.size)
    return fail(Errc::kInvalid,
                fmt::format("{}: {} bytes, which is not what image.json says; {}", path, file.size, kHowToBuild));
  return std::move(file.fd);
}

}  // namespace

Result<Image> open_image(const std::vector<std::string>& roots, std::string_view name) {
  if (!is_image_name(name)) return fail(Errc::kInvalid, "an image name is 1-40 characters of a-z, 0-9 and '-'");
  for (const std::string& root : roots) {
    const std::string folder = fmt::format("{}/{}", root, name);
    if (::access(folder.c_str(), F_OK) != 0) continue;
    const nlohmann::json description = TRY(read_description(folder + "/image.json"));
    Image image{.name = std::string(name), .kernel_version = {}, .kernel = {}, .initramfs = {}};
    if (description.contains("kernel_version") && description["kernel_version"].is_string())
      image.kernel_version = description["kernel_version"].get<std::string>();
    image.kernel = TRY(open_part(folder, description, "vmlinuz"));
    image.initramfs = TRY(open_part(folder, description, "initramfs"));
    return image;
  }
  return fail(Errc::kNotFound, fmt::format("no image '{}' in {}: {}", name, fmt::join(roots, ", "), kHowToBuild));
}

}  // namespace enforcer::host
