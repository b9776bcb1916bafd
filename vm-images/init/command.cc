#include "command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

namespace enforcer::guest {
namespace {

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void make_non_blocking(const Fd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

bool is_text(const nlohmann::json& value) {
  return value.is_string() && value.get_ref<const std::string&>().find('\0') == std::string::npos;
}

/// In the child. The number written to `report` is the errno of what failed; a closed pipe says that it runs.
[[noreturn]] void become(const ExecRequest& request, const std::array<int, 3>& standard, int report) {
  for (int i = 0; i < 3; ++i) ::dup2(standard[static_cast<std::size_t>(i)], i);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  for (const auto& [name, value] : request.env) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (const std::string& argument : request.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  if (::chdir(request.cwd.c_str()) == 0) ::execvp(argv.front(), argv.data());
  const int error = errno;
  (void)!::write(report, &error, sizeof error);
  ::_exit(127);
}

}  // namespace

Result<ExecRequest> parse_exec_request(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Errc::kInvalid, "exec: not a JSON object");
  ExecRequest request;
  const auto argv = json.find("argv");
  if (argv == json.end() || !argv->is_array() || argv->empty()) return fail(Errc::kInvalid, "exec: argv is missing");
  for (const auto& argument : *argv) {
    if (!is_text(argument)) return fail(Errc::kInvalid, "exec: argv holds something that is no text");
    request.argv.push_back(argument.get<std::string>());
  }
  if (const auto env = json.find("env"); env != json.end()) {
    if (!env->is_object()) return fail(Errc::kInvalid, "exec: env is no object");
    for (const auto& [name, value] : env->items()) {
      if (!is_text(value)) return fail(Errc::kInvalid, "exec: env holds something that is no text");
      request.env[name] = value.get<std::string>();
    }
  }
  if (const auto cwd = json.find("cwd"); cwd != json.end()) {
    if (!is_text(*cwd)) return fail(Errc::kInvalid, "exec: cwd is no text");
    request.cwd = cwd->get<std::string>();
  }
  return request;
}

Result<Command> Command::start(const ExecRequest& request) {
  Pipe in = TRY(make_pipe());
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  Pipe report = TRY(make_pipe());
  Command command;
  command.pid_ = ::fork();
  if (command.pid_ < 0) return fail_errno("fork");
  if (command.pid_ == 0)
    become(request, {in.read_end.get(), out.write_end.get(), err.write_end.get()}, report.write_end.get());
  report.write_end.reset();
  int error = 0;
  if (::read(report.read_end.get(), &error, sizeof error) == static_cast<ssize_t>(sizeof error))
    return fail(Errc::kNotFound, request.argv.front() + ": " + std::strerror(error));
  command.standard_input = std::move(in.write_end);
  command.standard_output = std::move(out.read_end);
  command.standard_error = std::move(err.read_end);
  for (const Fd* fd : {&command.standard_input, &command.standard_output, &command.standard_error})
    make_non_blocking(*fd);
  return command;
}

Command::Command(Command&& other) noexcept
    : standard_input(std::move(other.standard_input)),
      standard_output(std::move(other.standard_output)),
      standard_error(std::move(other.standard_error)),
      pid_(std::exchange(other.pid_, -1)) {}

Command::~Command() {
  signal(SIGKILL);
}

void Command::signal(int number) const {
  if (pid_ > 0) ::kill(-pid_, number);
}

}  // namespace enforcer::guest
