// The grammar of a head, read by Beast's parser, whose container of fields would only be a second copy of them.
#pragma once

#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace enforcer::http {

/// What a head says, before anything of it is believed.
struct RawHead {
  std::string method;    ///< of a request
  std::string target;    ///< of a request
  unsigned status = 0;   ///< of a response
  std::string phrase;    ///< of a response
  unsigned version = 0;  ///< 10 for HTTP/1.0, 11 for HTTP/1.1
  std::vector<HeaderField> fields;
};

/// Read one whole head and nothing behind it. The error is one of boost::beast::http::error; need_more: the head has no
/// end.
[[nodiscard]] boost::system::error_code parse_request_grammar(std::string_view text, RawHead& raw);
[[nodiscard]] boost::system::error_code parse_response_grammar(std::string_view text, RawHead& raw);

}  // namespace enforcer::http
