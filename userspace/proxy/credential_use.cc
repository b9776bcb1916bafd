#include "proxy/credential_use.h"

#include <fmt/format.h>

#include <algorithm>

#include "credentials/aws_keys.h"
#include "credentials/injection.h"
#include "credentials/keyring.h"
#include "credentials/sigv4.h"
#include "credentials/sigv4_canonical.h"
#include "policy/aws_host.h"
#include "policy/credential_spec.h"
#include "proxy/conversation.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

using As = policy::CredentialSpec::Injection::As;

/// Of one request, when the guest's labels change meanwhile.
constexpr int kMaxLeases = 3;

/// The guest's body with every chunk's signature made again.
class SignedBody final : public BodySource {
 public:
  SignedBody(BodySource& body, credentials::ChunkSigner& signer, Guest& guest)
      : body_(body), signer_(signer), guest_(guest) {}
  ~SignedBody() override { guest_.release_body(held_); }
  SignedBody(const SignedBody&) = delete;
  SignedBody& operator=(const SignedBody&) = delete;

  asio::awaitable<BodyPart> read_body() override {
    while (true) {
      const BodyPart part = co_await body_.read_body();
      out_.clear();
      if (part.kind == BodyPart::Kind::kEnd && !signer_.finish())
        co_return BodyPart{.kind = BodyPart::Kind::kMalformed};
      if (part.kind != BodyPart::Kind::kData) co_return part;
      if (!signer_.take(part.data, out_) || !hold()) co_return BodyPart{.kind = BodyPart::Kind::kMalformed};
      if (out_.empty()) continue;
      const bool last = part.next == BodyPart::Next::kEnd && signer_.finish();
      const auto next = last ? BodyPart::Next::kEnd : BodyPart::Next::kUnknown;
      co_return BodyPart{.kind = BodyPart::Kind::kData, .data = out_, .next = next};
    }
  }

 private:
  /// A chunk that is not whole yet is memory of the guest's. False: it has as much of it as it may.
  bool hold() {
    guest_.release_body(std::exchange(held_, 0));
    if (!guest_.hold_body(signer_.held())) return false;
    held_ = signer_.held();
    return true;
  }

  BodySource& body_;
  credentials::ChunkSigner& signer_;
  Guest& guest_;
  std::size_t held_ = 0;
  std::vector<std::uint8_t> out_;
};

bool lists(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

CredentialUse::CredentialUse(Conversation& conversation, const policy::Facts& facts, const policy::Decision& decision)
    : conversation_(conversation), facts_(facts), decision_(decision) {}

bool CredentialUse::wants_whole_body(const http::RequestHead& head) const {
  const auto* binding = spec().binding_for(*facts_.host, facts_.port);
  if (binding == nullptr || binding->as != As::kSigV4 || head.body.kind == http::BodyFraming::Kind::kNone) return false;
  const auto signature = credentials::read_signature(head);
  return signature && signature->needs_body();
}

asio::awaitable<std::optional<policy::Reason>> CredentialUse::add(OutgoingRequest& request) {
  Worker& worker = conversation_.worker();
  const auto start = Monotonic::now();
  conversation_.expect_within(worker.config().deadlines.origin_connect * 2);
  conversation_.decisions().asks_for(spec().name);
  const bool borrowed = co_await borrow();
  worker.metrics().overhead(metrics::Stage::kCredential, Monotonic::now() - start);
  std::optional<policy::Reason> refused = policy::Reason::kCredentialUnavailable;
  if (borrowed) refused = put_in(request);
  using metrics::InjectionResult;
  const auto result = !refused                                             ? InjectionResult::kInjected
                      : *refused == policy::Reason::kCredentialUnavailable ? InjectionResult::kUnavailable
                                                                           : InjectionResult::kDenied;
  worker.metrics().credential_injected(spec().name, result);
  co_return refused;
}

/// Keys of a role carry the guest's labels, which may change while they are made: then they are made again. A guest
/// whose labels do not stand still gets none.
asio::awaitable<bool> CredentialUse::borrow() {
  Worker& worker = conversation_.worker();
  Decisions& decisions = conversation_.decisions();
  const auto deadline = Deadline::after(worker.config().deadlines.origin_connect);
  for (int attempt = 0; attempt < kMaxLeases; ++attempt) {
    const auto labels = decisions.view().labels;
    auto lease = co_await worker.lease_of(spec(), decisions.view(), deadline);
    if (!lease) co_return false;
    if (credentials::has_one_for_each_guest(spec())) {
      if (*labels != *decisions.view().labels) continue;
      decisions.has_keys_for(labels);
    }
    lease_ = *std::move(lease);
    co_return true;
  }
  co_return false;
}

/// Invariant 6: the decision names a credential only for a host it is bound to, over TLS.
std::optional<policy::Reason> CredentialUse::put_in(OutgoingRequest& request) {
  const auto* binding = spec().binding_for(*facts_.host, facts_.port);
  if (binding == nullptr || facts_.request->transport != policy::RequestFacts::Transport::kTls) {
    return policy::Reason::kCredentialHostMismatch;
  }
  if (binding->as == As::kSigV4) return sign(request);
  ask_for_searchable(request.head, Ranges::kRefused);
  if (credentials::inject(*binding, *lease_.value, request.head)) return std::nullopt;
  return policy::Reason::kCredentialUnavailable;
}

std::optional<policy::Reason> CredentialUse::sign(OutgoingRequest& request) {
  const auto* binding = spec().binding_for(*facts_.host, facts_.port);
  const auto signature = credentials::read_signature(request.head);
  if (!signature) return policy::Reason::kSignature;
  // "a//b" is an object of its own, which is not what was decided on and would be asked for.
  if (request.head.path.shortened && credentials::signs_as_s3(signature->service)) return policy::Reason::kSignature;
  const auto service = policy::aws_service_of(*facts_.host);
  if (!lists(binding->services, signature->service) || !lists(binding->regions, signature->region) ||
      (service && *service != signature->service)) {
    return policy::Reason::kCredentialHostMismatch;
  }
  // Objects of S3 are large, and are not what an echo would be: clients fetch them in parts.
  ask_for_searchable(request.head, credentials::signs_as_s3(signature->service) ? Ranges::kAllowed : Ranges::kRefused);
  const std::string_view body = request.body ? as_text(*request.body) : std::string_view();
  auto seed = credentials::sign(request.head, *signature, credentials::keys_in(*lease_.value), WallClock::now(), body);
  if (!seed) return policy::Reason::kCredentialUnavailable;
  if (signature->form == credentials::GuestSignature::Form::kQuery) {
    // Whoever gets the URL that we have signed can use it without us, for as long as the guest has said.
    auto needles = credentials::needles_for(spec(), *lease_.value, seed->signature);
    if (!needles) return policy::Reason::kCredentialUnavailable;
    lease_.needles = *std::move(needles);
  }
  using Payload = credentials::GuestSignature::Payload;
  using Trailer = credentials::ChunkSigner::Trailer;
  if (signature->payload == Payload::kChunks) chunks_.emplace(*std::move(seed), Trailer::kNone);
  if (signature->payload == Payload::kChunksTrailer) chunks_.emplace(*std::move(seed), Trailer::kSigned);
  return std::nullopt;
}

BodySource& CredentialUse::upload(BodySource& body) {
  if (!chunks_) return body;
  signed_body_ = std::make_unique<SignedBody>(body, *chunks_, conversation_.decisions().guest());
  return *signed_body_;
}

OriginSide& CredentialUse::guard(OriginSide& origin) {
  const auto cookies = decision_.set_cookie ? GuardedOrigin::Cookies::kKept : GuardedOrigin::Cookies::kRemoved;
  guarded_ = std::make_unique<GuardedOrigin>(origin, conversation_.decisions().guest(), lease_.needles, cookies,
                                             [this] { report_leak(); });
  return *guarded_;
}

void CredentialUse::report_leak() {
  conversation_.worker().metrics().secret_leak_blocked(spec().name);
  conversation_.decisions().report("secret_leak_blocked",
                                   fmt::format("credential {} in a response of {}", spec().name, facts_.host->text()));
}

}  // namespace enforcer::proxy
