// Guest images: folders <root>/<name>/ with vmlinuz, initramfs, image.json and, where they have a root file system of
// their own, root.erofs; made by vm-images/build.
//
// Every file is what image.json says, by SHA-256: a build or a copy that stopped half-way, a disk that forgets and a
// file that was exchanged are found here and not as a guest that hangs. A file is read once in the life of a store, and
// again when its inode, size or times have changed. Whoever may write image.json as well is trusted: it is root's.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "host/digest_child.h"

namespace enforcer::host {

struct Image {
  std::string name;
  std::string profile;
  std::string kernel_version;
  std::uint32_t memory_mib = 0;  ///< of its guests, unless somebody says otherwise
  Fd kernel;  ///< open for reading: QEMU gets the files that were checked, and needs no access to their folder
  Fd initramfs;
  Fd root;  ///< an erofs; none where everything is in the initramfs
};

class ImageStore {
 public:
  /// `roots`: folders, the first one that has an image wins.
  explicit ImageStore(std::vector<std::string> roots);

  enum class Readiness {
    kReady,     ///< open() will not wait
    kChecking,  ///< a child reads files: ask again when checking() is readable
  };
  /// Whether the image can be opened at once; begins what is needed for that. The name comes from a less trusted
  /// process: hostproto::is_image_name(). kNotFound with the folders looked at and how to build it; kInvalid when a
  /// file is missing, is not what image.json says, or may be written by others than its owner.
  [[nodiscard]] Result<Readiness> prepare(std::string_view name);

  /// -1: nothing is being checked. Whatever looks at an image takes a check that is over: prepare() and open(), too.
  [[nodiscard]] int checking() const { return child_ ? child_->child.ready() : -1; }

  /// To be called when checking() is readable.
  void take_check();

  /// Opens the image. Waits where prepare() would have said kChecking; fails as prepare() does.
  [[nodiscard]] Result<Image> open(std::string_view name);

 private:
  /// Which file it is, and that nobody has written to it since.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified = 0;  ///< nanoseconds
    std::int64_t changed = 0;
    auto operator<=>(const Identity&) const = default;
  };
  struct Part {
    std::string path;
    Fd file;
    Identity identity;
    std::string sha256;  ///< that image.json says
  };
  struct Parts {
    Image image;  ///< without its descriptors
    Part kernel;
    Part initramfs;
    std::optional<Part> root;
    [[nodiscard]] std::vector<const Part*> all() const;
  };
  struct Check {
    DigestChild child;
    std::vector<Identity> files;
  };

  static Result<Part> open_part(int folder, const std::string& path);
  static Result<Parts> open_parts(int folder, const std::string& path, std::string_view name);
  [[nodiscard]] Result<Parts> find(std::string_view name) const;
  Result<Readiness> check(const Parts& parts);
  void collect();  ///< what the child has found out; waits for it

  std::vector<std::string> roots_;
  std::map<Identity, Result<std::string>> digests_;
  std::optional<Check> child_;
};

}  // namespace enforcer::host
