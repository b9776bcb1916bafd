#include "host/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "host/process.h"
#include "hostproto/image_description.h"

namespace enforcer::host {
namespace {

constexpr std::string_view kHowToBuild = "build it with 'enforcerctl image build'";

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

Result<std::string> read_text(int file, off_t size, const std::string& path) {
  if (size > static_cast<off_t>(hostproto::kMaxImageDescription)) return fail(Errc::kInvalid, path + ": too large");
  std::string text(static_cast<std::size_t>(size), '\0');
  if (::pread(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) return fail_errno(path);
  return text;
}

}  // namespace

ImageStore::ImageStore(std::vector<std::string> roots) : roots_(std::move(roots)) {}

std::vector<const ImageStore::Part*> ImageStore::Parts::all() const {
  std::vector<const Part*> parts{&kernel, &initramfs};
  if (root) parts.push_back(&*root);
  return parts;
}

/// A regular file that only its owner may change: QEMU runs what is in it with our tap.
Result<ImageStore::Part> ImageStore::open_part(int folder, const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  Part part{.path = path,
            .file = Fd(::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)),
            .identity = {},
            .sha256 = {}};
  if (!part.file.valid())
    return fail(Errc::kInvalid, fmt::format("{}: {}; {}", path, std::strerror(errno), kHowToBuild));
  struct stat status{};
  if (::fstat(part.file.get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, path + ": not a regular file");
  if ((status.st_mode & 0022) != 0)
    return fail(Errc::kInvalid, path + ": others than its owner may write it (chmod go-w)");
  if ((status.st_mode & 0004) == 0)
    return fail(Errc::kInvalid, path + ": QEMU, which runs as an unprivileged user, may not read it (chmod a+r)");
  part.identity = {.device = status.st_dev,
                   .inode = status.st_ino,
                   .size = status.st_size,
                   .modified = nanoseconds(status.st_mtim),
                   .changed = nanoseconds(status.st_ctim)};
  return part;
}

Result<ImageStore::Parts> ImageStore::open_parts(int folder, const std::string& path, std::string_view name) {
  const Part text = TRY(open_part(folder, fmt::format("{}/{}", path, hostproto::kImageDescription)));
  const auto described =
      hostproto::parse_image_description(TRY(read_text(text.file.get(), text.identity.size, text.path)));
  if (!described)
    return fail(Errc::kInvalid, fmt::format("{}: {}; {}", text.path, described.error().message, kHowToBuild));

  const auto open_described = [&](const char* file) -> Result<Part> {
    Part part = TRY(open_part(folder, fmt::format("{}/{}", path, file)));
    const auto& expected = described->files.find(file)->second;
    if (std::cmp_not_equal(expected.size, part.identity.size))
      return fail(Errc::kInvalid, fmt::format("{}: {} bytes, which is not what image.json says; {}", part.path,
                                              part.identity.size, kHowToBuild));
    part.sha256 = expected.sha256;
    return part;
  };
  Parts parts{.image = {.name = std::string(name),
                        .profile = described->profile,
                        .kernel_version = described->kernel_version,
                        .memory_mib = described->memory_mib,
                        .kernel = {},
                        .initramfs = {},
                        .root = {}},
              .kernel = TRY(open_described(hostproto::kImageKernel)),
              .initramfs = TRY(open_described(hostproto::kImageInitramfs)),
              .root = {}};
  if (described->has_root()) parts.root = TRY(open_described(hostproto::kImageRoot));
  return parts;
}

Result<ImageStore::Parts> ImageStore::find(std::string_view name) const {
  if (!hostproto::is_image_name(name))
    return fail(Errc::kInvalid, "an image name is 1-40 characters of a-z, 0-9 and '-'");
  for (const std::string& root : roots_) {
    const std::string path = fmt::format("{}/{}", root, name);
    // By descriptor from here on: an image that is replaced meanwhile is still one and the same.
    const Fd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder.valid()) return open_parts(folder.get(), path, name);
    if (errno != ENOENT) return fail_errno(path);
  }
  return fail(Errc::kNotFound, fmt::format("no image '{}' in {}: {}", name, fmt::join(roots_, ", "), kHowToBuild));
}

Result<ImageStore::Readiness> ImageStore::check(const Parts& parts) {
  take_check();
  std::vector<const Part*> unknown;
  for (const Part* part : parts.all()) {
    const auto known = digests_.find(part->identity);
    if (known == digests_.end()) {
      unknown.push_back(part);
    } else if (!known->second) {
      const Error error = known->second.error();
      digests_.erase(known);  // the next one may have more luck
      return fail_in(part->path, error);
    } else if (*known->second != part->sha256) {
      return fail(Errc::kInvalid, fmt::format("{}: its SHA-256 is {}, which is not what image.json says; {}",
                                              part->path, *known->second, kHowToBuild));
    }
  }
  if (unknown.empty()) return Readiness::kReady;
  if (child_) return Readiness::kChecking;  // another image's: this one's turn comes
  std::vector<int> files;
  std::vector<Identity> identities;
  for (const Part* part : unknown) {
    files.push_back(part->file.get());
    identities.push_back(part->identity);
  }
  child_.emplace(Check{.child = TRY(DigestChild::start(std::move(files))), .files = std::move(identities)});
  return Readiness::kChecking;
}

void ImageStore::collect() {
  auto digests = child_->child.finish();
  for (std::size_t i = 0; i < digests.size(); ++i) digests_.insert_or_assign(child_->files[i], std::move(digests[i]));
  child_.reset();
}

void ImageStore::take_check() {
  if (child_ && is_readable(checking(), std::chrono::milliseconds(0))) collect();
}

Result<ImageStore::Readiness> ImageStore::prepare(std::string_view name) {
  return check(TRY(find(name)));
}

Result<Image> ImageStore::open(std::string_view name) {
  Parts parts = TRY(find(name));
  while (TRY(check(parts)) == Readiness::kChecking) collect();
  Image image = std::move(parts.image);
  image.kernel = std::move(parts.kernel.file);
  image.initramfs = std::move(parts.initramfs.file);
  if (parts.root) image.root = std::move(parts.root->file);
  return image;
}

}  // namespace enforcer::host
