#include "credentials/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "credentials/value.h"

namespace enforcer::credentials {
namespace {

constexpr std::size_t kMaxComplaint = 4096;
/// Reads of standard error in one turn: a program that writes there for ever must not keep the helper busy.
constexpr int kErrorReads = 16;

constexpr const char* kEnvironment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", nullptr};

struct Pipe {
  Fd read;
  Fd write;
};
Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// What a program finds on its standard input. A file in memory, not a pipe: however much it is, nobody has to stand by
/// while the program reads it, or does not.
Result<Fd> make_input(std::string_view text) {
  if (text.empty()) {
    Fd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!nothing.valid()) return fail_errno("/dev/null");
    return nothing;
  }
  Fd file(memfd_create("input", MFD_CLOEXEC));
  if (!file.valid()) return fail_errno("memfd_create");
  while (!text.empty()) {
    const ssize_t size = write(file.get(), text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return fail_errno("the command's input");
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno("the command's input");
  return file;
}

struct Pipes {
  Fd in;
  Pipe out;
  Pipe err;
  Pipe failure;  ///< carries errno when exec fails, and closes when it does not
};

/// The child, from fork to exec. Everything it has open but these closes on exec.
[[noreturn]] void become(const std::vector<char*>& argv, const Pipes& pipes, pid_t helper) {
  setpgid(0, 0);
  // The helper may be killed before it can kill us.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != helper) _exit(127);
  for (const int signal : {SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool wired = dup2(pipes.in.get(), STDIN_FILENO) >= 0 && dup2(pipes.out.write.get(), STDOUT_FILENO) >= 0 &&
                     dup2(pipes.err.write.get(), STDERR_FILENO) >= 0;
  if (wired) execve(argv[0], argv.data(), const_cast<char* const*>(kEnvironment));
  const int why = errno;
  (void)!write(pipes.failure.write.get(), &why, sizeof why);
  _exit(127);
}

/// 0 when exec has succeeded.
int failure_of(const Fd& failure) {
  int why = 0;
  while (true) {
    const ssize_t size = read(failure.get(), &why, sizeof why);
    if (size < 0 && errno == EINTR) continue;
    return size == sizeof why ? why : 0;
  }
}

}  // namespace

Result<std::unique_ptr<Command>> Command::start(const std::vector<std::string>& argv, std::string_view input,
                                                Deadline deadline) {
  if (argv.empty() || !argv[0].starts_with('/')) {
    return fail(Errc::kInvalid, "its command does not begin with an absolute path");
  }
  std::unique_ptr<Command> command(new Command(TRY(LockedBuffer::make(kMaxRaw)), deadline));
  Pipes pipes{
      .in = TRY(make_input(input)), .out = TRY(make_pipe()), .err = TRY(make_pipe()), .failure = TRY(make_pipe())};
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t helper = getpid();
  const pid_t pid = fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) become(arguments, pipes, helper);
  command->pid_ = pid;
  pipes.failure.write.reset();
  const int why = failure_of(pipes.failure.read);
  if (why != 0) return fail(Errc::kUnavailable, fmt::format("{} cannot be run: {}", argv[0], std::strerror(why)));
  command->ended_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!command->ended_.valid()) return fail_errno("pidfd_open");
  command->out_ = std::move(pipes.out.read);
  command->err_ = std::move(pipes.err.read);
  for (const Fd* end : {&command->out_, &command->err_}) {
    if (fcntl(end->get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno("fcntl");
  }
  return command;
}

Command::~Command() {
  if (pid_ > 0) finish();
}

void Command::read() {
  while (out_.valid() && !printed_too_much()) {
    const auto room = output_.bytes().subspan(output_size_);
    const ssize_t size = ::read(out_.get(), room.data(), room.size());
    if (size < 0) break;  // EAGAIN
    if (size == 0) out_.reset();
    output_size_ += static_cast<std::size_t>(size);
  }
  for (int i = 0; i < kErrorReads && err_.valid(); ++i) {
    std::array<char, 1024> buffer;
    const ssize_t size = ::read(err_.get(), buffer.data(), buffer.size());
    if (size < 0) break;
    if (size == 0) err_.reset();
    complaint_.append(buffer.data(), std::min(static_cast<std::size_t>(size), kMaxComplaint - complaint_.size()));
  }
}

Command::Exit Command::finish() {
  // Before the program is waited for: as long as it is a zombie, nobody else can be given the number of its group.
  const pid_t pid = std::exchange(pid_, -1);
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);  // it did not get as far as its own group
  read();
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status)};
}

}  // namespace enforcer::credentials
