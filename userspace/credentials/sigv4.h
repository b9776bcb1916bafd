// AWS Signature Version 4 of a request, made again with our keys.
//
// Sign last: what is signed is what http::serialise() sends, and a field that is changed afterwards breaks the
// signature. Two fields are never signed, because the proxy may still change them: Accept-Encoding and
// Sec-WebSocket-Extensions. Whether the credential may be used for this service and region is the caller's to ask
// before (GuestSignature::service, ::region).
//
// Pure. The head holds our session token and a signature afterwards: whoever serialises it wipes what it has sent.
#pragma once

#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"
#include "credentials/aws_keys.h"
#include "credentials/sigv4_key.h"
#include "credentials/sigv4_request.h"
#include "http/request_head.h"

namespace enforcer::credentials {

/// What the first chunk of a signed body continues from (sigv4_chunks.h).
struct ChunkSeed {
  SigningKey key;
  std::string timestamp;
  std::string scope;
  std::string signature;  ///< of the head
};

/// `guest`: what read_signature() said of this head. Calls remove_own_credentials() and removes every part of the
/// signature that was there, then adds ours in the same form. A header signature is dated `now`, for a guest's clock
/// may be wrong; a presigned URL keeps its date and lifetime. x-amz-content-sha256 stays as it came; S3 gets one where
/// there was none. `body`: the whole of it where guest.needs_body(), otherwise not looked at.
/// A '+' in the query is sent as "%20", which is what it was read as: services disagree about how it is signed.
/// kInvalid, and the head must not be sent: the keys cannot stand in a request (the message holds nothing of them).
Result<ChunkSeed> sign(http::RequestHead& head, const GuestSignature& guest, const AwsKeys& keys,
                       WallClock::time_point now, std::string_view body);

/// Signs a request of our own, in the header. `body`: the whole of it. Fails as sign() does.
Result<> sign_own(http::RequestHead& head, std::string_view body, std::string_view region, std::string_view service,
                  const AwsKeys& keys, WallClock::time_point now);

}  // namespace enforcer::credentials
