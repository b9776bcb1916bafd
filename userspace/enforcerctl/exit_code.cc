#include "enforcerctl/exit_code.h"

namespace enforcer::ctl {

ExitCode exit_code_of(Errc code) {
  switch (code) {
    case Errc::kNotFound:
      return ExitCode::kNotFound;
    case Errc::kConflict:
      return ExitCode::kConflict;
    case Errc::kDenied:
      return ExitCode::kNotPermitted;
    case Errc::kTimeout:
      return ExitCode::kTimeout;
    case Errc::kInvalid:
    case Errc::kUnavailable:
    case Errc::kIo:
      break;
  }
  return ExitCode::kFailed;
}

}  // namespace enforcer::ctl
