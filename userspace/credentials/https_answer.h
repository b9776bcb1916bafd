// HttpsAnswerReader: one HTTP/1.1 answer out of what arrives, however it is cut. As strict as towards any origin
// (http/response_head.h): what would have to be repaired is an error.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "credentials/https_message.h"
#include "http/body_framing.h"
#include "http/response_head.h"

namespace enforcer::credentials {

class HttpsAnswerReader {
 public:
  /// So many interim answers (1xx) are read over.
  static constexpr unsigned kMaxInterim = 8;

  enum class Read : std::uint8_t { kAll, kHead };

  explicit HttpsAnswerReader(std::string method, Read read = Read::kAll) : method_(std::move(method)), what_(read) {
    head_.emplace(method_);
  }

  /// What has arrived. Nothing: there is more to come. kUnavailable: it is no answer that could be used, with a text
  /// that holds nothing of it; the connection is to be closed, as it is after the answer.
  Result<std::optional<HttpsResponse>> feed(Bytes arrived);
  /// The stream has ended, in good order. kUnavailable: too early.
  Result<HttpsResponse> end();

 private:
  Result<bool> read_head();
  Result<> begin_body(const http::ResponseHead& head);
  Result<std::optional<HttpsResponse>> take_body(Bytes arrived);

  const std::string method_;
  const Read what_;
  std::optional<http::ResponseHeadReader> head_;
  std::optional<http::BodyReader> body_;  ///< once the head is there
  WipedBytes buffered_;                   ///< from the head's first octet on; empty from then on
  HttpsResponse response_;
  bool until_close_ = false;
  unsigned interim_ = 0;
};

}  // namespace enforcer::credentials
