// FileSource: values that are the content of files.
//
// A file is looked at for each request and read when it is another one than before (device, inode, size, mtime, ctime),
// so a rotation works on the next request. A file that changed within the last seconds is read each time: its next
// change might leave all five as they are, because file systems keep time in ticks.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <string>

#include "credentials/source.h"

namespace enforcer::credentials {

class FileSource final : public Source {
 public:
  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  std::optional<Result<Value>> look(const policy::CredentialSpec& spec) override;
  void forget(std::string_view name) override;

  /// What makes a value of a file's content; its errors do not name the file.
  using Reading = std::function<Result<Value>(std::string_view content)>;
  /// So much of a file is read: a value, and what the store puts around one.
  static constexpr std::size_t kMaxContent = kMaxRaw + 64;

  /// The value that `reading` makes of a private file (private_file.h), kept under `name` for that path and shape.
  Result<Value> read_file(std::string_view name, const std::string& path, Shape shape, const Reading& reading);

 private:
  struct Kept {
    std::string path;
    Shape shape;
    struct stat seen;
    bool settled = false;  ///< had not changed for a while when it was read
    Value value;

    [[nodiscard]] bool still_says(const std::string& asked, Shape wanted) const;
  };
  std::map<std::string, Kept, std::less<>> kept_;  ///< by the credential's name
};

}  // namespace enforcer::credentials
