// Between the fields of HTTP/2 (RFC 9113 8) and the heads that everything else knows. A request is understood by the
// same rules as one of HTTP/1 (request_head.h), so that a decision cannot depend on the version it came by, and an
// HTTP/1 origin gets no octet that its guest could not have sent it by HTTP/1 (attack: smuggling by downgrade).
#pragma once

#include <string_view>
#include <vector>

#include "http/http2_codec.h"
#include "http/request_head.h"
#include "http/response_head.h"

namespace enforcer::http {

/// RequestHead, HeadTooLarge or HeadMalformed. What nghttp2 has checked (grammar, order and number of pseudo-fields,
/// fields of a connection) is not checked again.
[[nodiscard]] HeadOutcome understand_http2_request(Http2Fields block, Http2End end);
[[nodiscard]] std::vector<HeaderField> http2_fields(const RequestHead& head);

/// ResponseHead or ResponseMalformed. `method` is that of the request answered.
[[nodiscard]] ResponseOutcome understand_http2_response(Http2Fields block, Http2End end, std::string_view method);
[[nodiscard]] std::vector<HeaderField> http2_fields(const ResponseHead& head);

/// What may follow a response's body towards a guest.
[[nodiscard]] std::vector<HeaderField> http2_trailers(const Http2Fields& block);

}  // namespace enforcer::http
