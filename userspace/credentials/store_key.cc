#include "credentials/store_key.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include "credentials/private_file.h"
#include "credentials/sealed_text.h"

namespace enforcer::credentials {
namespace {

Result<Secret> read_key(const std::string& path) {
  const PrivateFile file = TRY(open_private_file(path));
  LockedBuffer buffer = TRY(LockedBuffer::make(kSealKeySize + 1));
  const std::size_t size = TRY(read_private_file(file, buffer.bytes(), path));
  if (size != kSealKeySize) {
    return fail(Errc::kInvalid,
                fmt::format("{}: a key of the store has {} bytes, neither more nor less", path, kSealKeySize));
  }
  return Secret::copy_of({buffer.bytes().data(), size});
}

}  // namespace

StoreKey::StoreKey(std::string file, const std::optional<std::string>& service_folder)
    : file_(std::move(file)),
      service_file_(service_folder ? std::optional(fmt::format("{}/{}", *service_folder, kServiceName))
                                   : std::nullopt) {}

Result<Secret> StoreKey::find() const {
  if (service_file_) {
    auto key = read_key(*service_file_);
    // One that is there and cannot be used must not make us fall back to a lesser one.
    if (key || key.error().code != Errc::kNotFound) return key;
  }
  return read_key(file_);
}

Result<Secret> StoreKey::find_or_make() const {
  auto found = find();
  if (found || found.error().code != Errc::kNotFound) return found;
  LockedBuffer key = TRY(LockedBuffer::make(kSealKeySize));
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.bytes().data()), kSealKeySize) != 1) {
    return fail(Errc::kUnavailable, "OpenSSL has no random bytes for the key of the store");
  }
  const auto written = write_private_file(file_, {key.bytes().data(), kSealKeySize}, Existing::kKeep);
  // Somebody else's, made meanwhile, is as good.
  if (!written && written.error().code != Errc::kConflict) return std::unexpected(written.error());
  return read_key(file_);
}

}  // namespace enforcer::credentials
