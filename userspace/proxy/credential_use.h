// CredentialUse: what a credential is to one request: its value is asked for and put in, and the response is searched
// for it. For AWS the value is a pair of keys, and what is put in is a signature of the request with them; a body that
// is signed chunk by chunk is signed again as it passes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "credentials/lease.h"
#include "credentials/sigv4_chunks.h"
#include "policy/decision.h"
#include "policy/facts.h"
#include "proxy/exchange.h"
#include "proxy/guarded_origin.h"

namespace enforcer::proxy {

class Conversation;

class CredentialUse {
 public:
  /// `decision` names a credential. Everything outlives it.
  CredentialUse(Conversation& conversation, const policy::Facts& facts, const policy::Decision& decision);

  /// The signature covers a body whose hash the guest has not said: it has to be there before add().
  [[nodiscard]] bool wants_whole_body(const http::RequestHead& head) const;
  /// The most that is read for that (S3 takes 5 GiB, and its clients say the hash).
  static constexpr std::size_t kMaxSignedBody = std::size_t{10} << 20;

  /// Puts it in. Nothing, or why the request is refused.
  boost::asio::awaitable<std::optional<policy::Reason>> add(OutgoingRequest& request);

  /// After add(): `body` of the guest, as it goes to the origin.
  [[nodiscard]] BodySource& upload(BodySource& body);
  /// After add(): the origin, with its answer searched.
  [[nodiscard]] OriginSide& guard(OriginSide& origin);

 private:
  /// False: there is no value.
  boost::asio::awaitable<bool> borrow();
  [[nodiscard]] const policy::CredentialSpec& spec() const { return *decision_.credential; }
  std::optional<policy::Reason> put_in(OutgoingRequest& request);
  std::optional<policy::Reason> sign(OutgoingRequest& request);
  void report_leak();

  Conversation& conversation_;
  const policy::Facts& facts_;
  const policy::Decision& decision_;
  credentials::Lease lease_;
  std::optional<credentials::ChunkSigner> chunks_;
  std::unique_ptr<BodySource> signed_body_;
  std::unique_ptr<GuardedOrigin> guarded_;
};

}  // namespace enforcer::proxy
