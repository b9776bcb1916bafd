#include "base/digest.h"

#include <doctest/doctest.h>

// RFC 6455 1.3.
TEST_CASE("sha1_base64_is_what_websocket_asks_for") {
  CHECK(enforcer::sha1_base64("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11") ==
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
