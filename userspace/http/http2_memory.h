// Memory of a client's HTTP/2 session: what it writes may hold a secret of ours, as copies of fields and in its frames.
#pragma once

#include <nghttp2/nghttp2.h>

namespace enforcer::http {

/// Of malloc(3), and wiped when it is given back.
[[nodiscard]] nghttp2_mem wiped_memory();

}  // namespace enforcer::http
