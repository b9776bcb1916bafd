// FileSource: values that are the content of files.
//
// A file is looked at for each request and read when it is another one than before (device, inode, size, mtime, ctime),
// so a rotation works on the next request. A file that changed within the last seconds is read each time: its next
// change might leave all five as they are, because file systems keep time in ticks.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>

#include "credentials/source.h"

namespace enforcer::credentials {

class FileSource final : public Source {
 public:
  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  std::optional<Result<Value>> look(const policy::CredentialSpec& spec) override;
  void forget(std::string_view name) override;

  /// The file's value, kept under `name`. A regular file that its group cannot write and others can neither read nor
  /// write, opened without following a symbolic link in the last place.
  Result<Value> read_file(std::string_view name, const std::string& path);

 private:
  struct Kept {
    std::string path;
    struct stat seen;
    bool settled = false;  ///< had not changed for a while when it was read
    Value value;

    [[nodiscard]] bool still_says(const std::string& asked) const;
  };
  std::map<std::string, Kept, std::less<>> kept_;  ///< by the credential's name
};

}  // namespace enforcer::credentials
