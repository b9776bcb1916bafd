// RawHead: the parts of a head as Beast's parser reads them, put straight where we keep them. Beast's own container of
// fields would be a second copy.
#pragma once

#include <boost/system/error_code.hpp>
#include <expected>
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

/// The error is one of boost::beast::http::error; need_more: the head has no end.
using RawOutcome = std::expected<RawHead, boost::system::error_code>;

/// `text`: one whole head, and nothing behind it.
[[nodiscard]] RawOutcome read_raw_request(std::string_view text);
[[nodiscard]] RawOutcome read_raw_response(std::string_view text);

}  // namespace enforcer::http
