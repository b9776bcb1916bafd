#include "command.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "pseudo_terminal.h"

namespace enforcer::guest {
namespace {

/// What a shell says of a command that it cannot start (POSIX XCU 2.8.2).
constexpr int kNotExecutable = 126;
constexpr int kCommandNotFound = 127;

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<Fd> duplicate(const Fd& fd) {
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return fail_errno("dup");
  return copy;
}

void make_non_blocking(const Fd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

/// What the child says when it gives up.
enum class Step : int { kTerminal, kAccount, kFolder, kExecute };
struct Complaint {
  Step step;
  int error;
};

[[noreturn]] void give_up(int report, Step step) {
  const Complaint complaint{step, errno};
  (void)!::write(report, &complaint, sizeof complaint);
  ::_exit(kCommandNotFound);
}

/// Groups first: an account without rights could not change them any more.
bool become_account(const Account& account) {
  return ::setgroups(account.groups.size(), account.groups.data()) == 0 && ::setgid(account.gid) == 0 &&
         ::setuid(account.uid) == 0;
}

void set_variables(const ExecRequest& request, const Login& login) {
  ::setenv("HOME", login.account.home.c_str(), 1);
  ::setenv("USER", login.name.c_str(), 1);
  ::setenv("LOGNAME", login.name.c_str(), 1);
  ::setenv("SHELL", login.account.shell.c_str(), 1);
  for (const auto& [name, value] : request.env) ::setenv(name.c_str(), value.c_str(), 1);
}

/// In the child. A closed `report` says that it runs.
[[noreturn]] void become(const ExecRequest& request, const Login& login, const std::string& folder,
                         const std::array<int, 3>& standard, int report) {
  for (int i = 0; i < 3; ++i) ::dup2(standard[static_cast<std::size_t>(i)], i);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  if (request.tty && ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) give_up(report, Step::kTerminal);
  if (!become_account(login.account)) give_up(report, Step::kAccount);
  set_variables(request, login);
  std::vector<char*> argv;
  for (const std::string& argument : request.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // Behind the change of account: it enters only what the account may enter.
  if (::chdir(folder.c_str()) != 0) give_up(report, Step::kFolder);
  ::execvp(argv.front(), argv.data());
  give_up(report, Step::kExecute);
}

/// Root starts at the top, as it does in an image where there is nobody else.
std::string folder_of(const ExecRequest& request, const Account& account) {
  if (!request.cwd.empty()) return request.cwd;
  return account.uid == 0 ? "/" : account.home;
}

}  // namespace

/// Both ends of a command's streams.
struct Command::Ends {
  Fd in, out, err;                         ///< the command's
  Fd to_in, from_out, from_err, terminal;  ///< ours
  static Result<Ends> pipes();
  static Result<Ends> of_terminal(hostproto::WindowSize size, uid_t owner);
};

Result<Command::Ends> Command::Ends::pipes() {
  Pipe in = TRY(make_pipe());
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  for (const Fd* fd : {&in.write_end, &out.read_end, &err.read_end}) make_non_blocking(*fd);
  return Ends{.in = std::move(in.read_end),
              .out = std::move(out.write_end),
              .err = std::move(err.write_end),
              .to_in = std::move(in.write_end),
              .from_out = std::move(out.read_end),
              .from_err = std::move(err.read_end),
              .terminal = Fd()};
}

Result<Command::Ends> Command::Ends::of_terminal(hostproto::WindowSize size, uid_t owner) {
  PseudoTerminal pair = TRY(PseudoTerminal::make(size, owner));
  Fd out = TRY(duplicate(pair.slave));
  Fd err = TRY(duplicate(pair.slave));
  Fd to_in = TRY(duplicate(pair.master));
  Fd from_out = TRY(duplicate(pair.master));
  return Ends{.in = std::move(pair.slave),
              .out = std::move(out),
              .err = std::move(err),
              .to_in = std::move(to_in),
              .from_out = std::move(from_out),
              .from_err = Fd(),
              .terminal = std::move(pair.master)};
}

Result<Command> Command::start(const ExecRequest& request, const Login& login) {
  Ends ends = TRY(request.tty ? Ends::of_terminal(*request.tty, login.account.uid) : Ends::pipes());
  Pipe report = TRY(make_pipe());
  make_non_blocking(report.read_end);
  Command command;
  command.name_ = request.argv.front();
  command.folder_ = folder_of(request, login.account);
  command.pid_ = ::fork();
  if (command.pid_ < 0) return fail_errno("fork");
  if (command.pid_ == 0)
    become(request, login, command.folder_, {ends.in.get(), ends.out.get(), ends.err.get()}, report.write_end.get());
  command.standard_input = std::move(ends.to_in);
  command.standard_output = std::move(ends.from_out);
  command.standard_error = std::move(ends.from_err);
  command.terminal_ = std::move(ends.terminal);
  command.starting = std::move(report.read_end);
  return command;
}

Command::Command(Command&& other) noexcept
    : standard_input(std::move(other.standard_input)),
      standard_output(std::move(other.standard_output)),
      standard_error(std::move(other.standard_error)),
      starting(std::move(other.starting)),
      pid_(std::exchange(other.pid_, -1)),
      terminal_(std::move(other.terminal_)),
      end_(other.end_),
      name_(std::move(other.name_)),
      folder_(std::move(other.folder_)) {}

Command::~Command() {
  if (!terminal_.valid()) {
    signal(SIGKILL);
    return;
  }
  signal(SIGHUP);
  signal(SIGCONT);  // one that is stopped hears of it, too
}

std::optional<Command::StartFailure> Command::start_failure() {
  Complaint complaint{};
  if (!starting.valid()) return std::nullopt;
  const ssize_t count = ::read(starting.get(), &complaint, sizeof complaint);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  starting.reset();
  if (count != static_cast<ssize_t>(sizeof complaint)) return std::nullopt;
  const std::string why = std::string(": ") + std::strerror(complaint.error);
  switch (complaint.step) {
    case Step::kTerminal:
      return StartFailure{"the terminal" + why, kNotExecutable};
    case Step::kAccount:
      return StartFailure{"the account" + why, kNotExecutable};
    case Step::kFolder:
      return StartFailure{folder_ + why, kNotExecutable};
    case Step::kExecute:
      break;
  }
  return StartFailure{name_ + why, complaint.error == ENOENT ? kCommandNotFound : kNotExecutable};
}

void Command::signal(int number) const {
  if (pid_ <= 0) return;
  const pid_t foreground = terminal_.valid() ? foreground_group(terminal_.get()) : 0;
  const bool told = foreground > 0 && ::kill(-foreground, number) == 0;
  if (told && number != SIGKILL && number != SIGHUP && number != SIGCONT) return;
  // Right behind fork() it has no group of its own yet.
  if (::kill(-pid_, number) != 0) ::kill(pid_, number);
}

void Command::resize(hostproto::WindowSize size) const {
  if (terminal_.valid()) resize_terminal(terminal_.get(), size);
}

void Command::end_input() {
  while (terminal_.valid() && standard_input.valid() && !end_.empty()) {
    const ssize_t count = ::write(standard_input.get(), end_.data(), end_.size());
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) break;  // nobody has it open any more
    end_.remove_prefix(static_cast<std::size_t>(count));
  }
  standard_input.reset();
}

}  // namespace enforcer::guest
