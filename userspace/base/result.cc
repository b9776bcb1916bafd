#include "base/result.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace enforcer {

std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

std::unexpected<Error> fail_errno(std::string_view what) {
  const int saved = errno;
  return fail(Errc::kIo, fmt::format("{}: {}", what, std::strerror(saved)));
}

std::unexpected<Error> fail_in(std::string_view context, const Error& cause) {
  return fail(cause.code, fmt::format("{}: {}", context, cause.message));
}

void check_failed(const char* condition, const char* file, int line) {
  fmt::print(stderr, "invariant broken: {} at {}:{}\n", condition, file, line);
  std::abort();
}

}  // namespace enforcer
