// GuestSignature: what a request says of the AWS signature that its sender made, so that it can be made again.
//
// The sender's keys are placeholders, so its signature proves nothing and is not checked. But what it was made for
// (region, service, which fields, which kind of body) is what the new one is made for, and whatever could be read in
// two ways, or would leave a second signature beside ours, is refused: AWS might believe the other one.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_head.h"

namespace enforcer::credentials {

struct GuestSignature {
  enum class Form : std::uint8_t {
    kHeader,  ///< Authorization: AWS4-HMAC-SHA256 …
    kQuery,   ///< a presigned URL: X-Amz-Signature=…
  };
  /// What x-amz-content-sha256 says of the body, a field or (presigned) a parameter.
  enum class Payload : std::uint8_t {
    kAbsent,
    kHash,             ///< 64 hexadecimal digits
    kUnsigned,         ///< UNSIGNED-PAYLOAD
    kChunks,           ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD: every chunk of the body is signed (sigv4_chunks.h)
    kChunksTrailer,    ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER: and the trailer behind them
    kUnsignedTrailer,  ///< STREAMING-UNSIGNED-PAYLOAD-TRAILER: nothing in the body is signed
  };

  Form form = Form::kHeader;
  std::string date;  ///< of the scope: "20130524"
  std::string region;
  std::string service;
  std::string timestamp;                    ///< kQuery: X-Amz-Date, of that date; kHeader: empty
  std::string expires;                      ///< kQuery: X-Amz-Expires, seconds, at most seven days; may be empty
  std::vector<std::string> signed_headers;  ///< lower case
  Payload payload = Payload::kAbsent;
  std::string payload_text;  ///< as it stands; empty when absent

  /// sign() wants the whole body: its hash is in the signature, and the request does not say it.
  [[nodiscard]] bool needs_body() const;
};

enum class SignatureFault : std::uint8_t {
  kUnsigned,        ///< no signature of version 4
  kAsymmetric,      ///< SigV4a: AWS4-ECDSA-P256-SHA256, signed with a key that is not ours to make
  kMalformed,       ///< a part is missing or cannot be read, or a name is spelled so that only some would know it
  kSaidTwice,       ///< field and query, two fields, a parameter twice, another scheme beside it
  kUnknownPayload,  ///< another x-amz-content-sha256 than Payload knows
  kForm,            ///< a browser's upload to S3: the signature that counts is in the body
};
/// Why the request cannot be signed again, in words for its sender.
[[nodiscard]] std::string_view label(SignatureFault fault);

[[nodiscard]] std::expected<GuestSignature, SignatureFault> read_signature(const http::RequestHead& head);

/// Of comparable names (query_parameters.h): the parameters of a presigned URL that are made again or removed.
[[nodiscard]] bool is_signature_parameter(std::string_view comparable);

}  // namespace enforcer::credentials
