// What the first bytes of a clear connection say it is, before anything is parsed.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace enforcer::http {

enum class Opening : std::uint8_t {
  kUndecided,  ///< a prefix of a request: ask again with more
  kRequest,    ///< an HTTP/1 request head, perhaps a malformed one: RequestHeadReader answers it
  kHttp2,      ///< the HTTP/2 connection preface (RFC 9113 3.4)
  kOther,      ///< some other protocol: deny `proto_unknown`
};

/// Judges everything received so far on the connection.
[[nodiscard]] Opening judge_opening(Bytes received);

}  // namespace enforcer::http
