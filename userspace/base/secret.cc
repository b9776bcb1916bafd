#include "base/secret.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace enforcer {
namespace {

/// The pages that hold `size` bytes, in bytes.
std::size_t pages_for(std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

std::unexpected<Error> no_locked_memory(std::size_t size) {
  const int why = errno;
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return fail(
      Errc::kUnavailable,
      fmt::format("no locked memory left for {} bytes of a secret ({}; RLIMIT_MEMLOCK is {} KiB): raise it with "
                  "LimitMEMLOCK= of the service or 'ulimit -l'",
                  size, std::strerror(why), limit.rlim_cur / 1024));
}

}  // namespace

void wipe(std::span<char> bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

Result<LockedBuffer> LockedBuffer::make(std::size_t size) {
  const std::size_t length = pages_for(size);
  void* const pages = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return no_locked_memory(size);
  LockedBuffer buffer(std::span(static_cast<char*>(pages), size));
  // The system call itself: sanitizers make the function do nothing.
  if (syscall(SYS_mlock, pages, length) != 0) return no_locked_memory(size);
  if (madvise(pages, length, MADV_DONTDUMP) != 0) return fail_errno("a secret cannot be kept out of core files");
  if (madvise(pages, length, MADV_WIPEONFORK) != 0) return fail_errno("a secret cannot be kept out of child processes");
  return buffer;
}

LockedBuffer::LockedBuffer(LockedBuffer&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

LockedBuffer& LockedBuffer::operator=(LockedBuffer&& other) noexcept {
  if (this != &other) {
    release();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

LockedBuffer::~LockedBuffer() {
  release();
}

void LockedBuffer::release() {
  if (bytes_.empty()) return;
  wipe(bytes_);
  munmap(bytes_.data(), pages_for(bytes_.size()));  // and with it the lock
  bytes_ = {};
}

Result<Secret> Secret::copy_of(std::string_view bytes) {
  if (bytes.empty()) return fail(Errc::kInvalid, "a secret is empty");
  if (bytes.size() > kMaxSize) return fail(Errc::kInvalid, fmt::format("a secret has at most {} bytes", kMaxSize));
  LockedBuffer memory = TRY(LockedBuffer::make(bytes.size()));
  std::memcpy(memory.bytes().data(), bytes.data(), bytes.size());
  return Secret(std::move(memory));
}

}  // namespace enforcer
