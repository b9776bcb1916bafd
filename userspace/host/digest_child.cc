#include "host/digest_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/digest.h"
#include "host/child_steps.h"

namespace enforcer::host {
namespace {

struct Answer {
  int error;                    ///< of errno; 0: there is a digest
  std::array<char, 64> digest;  ///< hex digits
};

/// All answers at once, so that the pipe is readable when nobody has to wait any more.
[[noreturn]] void run_child(const std::vector<int>& files, const std::vector<int>& kept, int pipe) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  close_all_but(kept);
  std::array<Answer, DigestChild::kMaxFiles> answers{};
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto digest = sha256_hex_of_file(files[i]);
    answers[i].error = digest ? 0 : errno != 0 ? errno : EIO;
    if (digest) std::ranges::copy(*digest, answers[i].digest.begin());
  }
  const auto size = static_cast<ssize_t>(files.size() * sizeof(Answer));
  _exit(::write(pipe, answers.data(), static_cast<std::size_t>(size)) == size ? 0 : 1);
}

}  // namespace

Result<DigestChild> DigestChild::start(std::vector<int> files) {
  ENFORCER_CHECK(!files.empty() && files.size() <= kMaxFiles);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  Fd answers(ends[0]);
  const Fd child_end(ends[1]);
  std::vector<int> kept = files;
  kept.push_back(child_end.get());
  std::ranges::sort(kept);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) run_child(files, kept, child_end.get());
  return DigestChild(pid, std::move(answers), files.size());
}

DigestChild::DigestChild(DigestChild&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), answers_(std::move(other.answers_)), files_(other.files_) {}

DigestChild::~DigestChild() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
  reap();
}

void DigestChild::reap() {
  if (pid_ <= 0) return;
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

std::vector<Result<std::string>> DigestChild::finish() {
  std::array<Answer, kMaxFiles> answers{};
  ssize_t count = 0;
  do {
    count = ::read(answers_.get(), answers.data(), sizeof answers);
  } while (count < 0 && errno == EINTR);
  reap();
  std::vector<Result<std::string>> digests;
  for (std::size_t i = 0; i < files_; ++i) {
    if (count != static_cast<ssize_t>(files_ * sizeof(Answer))) {
      digests.push_back(fail(Errc::kIo, "the process that read it was ended"));
    } else if (answers[i].error != 0) {
      digests.push_back(fail(Errc::kIo, std::strerror(answers[i].error)));
    } else {
      digests.push_back(std::string(answers[i].digest.data(), answers[i].digest.size()));
    }
  }
  return digests;
}

}  // namespace enforcer::host
