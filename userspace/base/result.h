// Result<T>: how a step that can fail says so. A denial is not a failure: it is a policy::Decision.
//
// Anything a guest, an origin, an operator or the kernel can cause is a Result; a broken invariant of our own is
// ENFORCER_CHECK, which aborts (an abort denies: the sockets close and the datapath drops, invariant 8).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace enforcer {

/// What kind of failure it is; the tool's exit codes and the control API's status codes are derived from it.
enum class Errc {
  kInvalid,      ///< the input is wrong: it will be wrong again
  kNotFound,     ///< the thing named does not exist
  kConflict,     ///< the thing named exists already, or is in the wrong state
  kDenied,       ///< the caller may not do this
  kUnavailable,  ///< something we need is missing or down: it may work later
  kTimeout,      ///< a deadline passed
  kIo,           ///< the operating system refused
  kNotLoaded,    ///< policies or a configuration do not load; the message has what is wrong, a line for each
};

/// A failure in one line a person can act on: what failed, on which thing, and why.
struct Error {
  Errc code;
  std::string message;
};

/// The value of a step, or why there is none.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

/// An error ready to be returned from any function that returns a Result.
[[nodiscard]] std::unexpected<Error> fail(Errc code, std::string message);

/// The same, with strerror(errno) appended: call it at once after the system call.
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what);

/// The same error, said in the context of a larger step: "context: message".
[[nodiscard]] std::unexpected<Error> fail_in(std::string_view context, const Error& cause);

/// Prints the broken invariant with its place and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace enforcer

/// TRY(expression): the value, or return the error from the enclosing function (not for coroutines).
#define TRY(expression)                                                     \
  ({                                                                        \
    auto&& try_result = (expression);                                       \
    if (!try_result) return std::unexpected(std::move(try_result).error()); \
    *std::move(try_result);                                                 \
  })

/// TRY_VOID(expression): as TRY, for a Result<> that carries no value.
#define TRY_VOID(expression)                                                \
  do {                                                                      \
    auto&& try_result = (expression);                                       \
    if (!try_result) return std::unexpected(std::move(try_result).error()); \
  } while (false)

#define ENFORCER_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::enforcer::check_failed(#condition, __FILE__, __LINE__))
