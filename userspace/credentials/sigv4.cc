#include "credentials/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/percent.h"
#include "base/secret.h"
#include "credentials/injection.h"
#include "credentials/query_parameters.h"
#include "credentials/sigv4_canonical.h"
#include "http/field_rules.h"

namespace enforcer::credentials {
namespace {

using Form = GuestSignature::Form;

constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
/// Comparable names; made again, or of no use with our keys (S3 Express: a session of the guest's own).
constexpr std::string_view kReplacedFields[] = {"authorization", "x-amz-date", "x-amz-security-token",
                                                "x-amz-s3session-token"};
/// Signed whether the guest did so or not, beside host and x-amz-*.
constexpr std::string_view kSignedFields[] = {"content-type", "content-md5"};
constexpr std::string_view kNeverSigned[] = {"accept-encoding", "sec-websocket-extensions"};

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, ascii::is_visible);
}

Result<> check_keys(const AwsKeys& keys) {
  if (keys.access_key_id.empty() || keys.secret_access_key.empty())
    return fail(Errc::kInvalid, "an access key of AWS has an id and a secret");
  const bool separable = keys.access_key_id.find_first_of("/,") == std::string_view::npos;
  if (!is_visible(keys.access_key_id) || !separable)
    return fail(Errc::kInvalid, "the id of the access key cannot stand in a signature");
  if (!is_visible(keys.session_token))
    return fail(Errc::kInvalid, "the session token cannot stand in a header: it is not visible ASCII");
  return {};
}

/// The head without any signature, and with nothing that would be signed in more than one way.
void make_plain(http::RequestHead& head) {
  remove_own_credentials(head);
  std::erase_if(head.fields, [](const http::HeaderField& field) {
    return is_one_of(kReplacedFields, http::comparable_name(field.name));
  });
  if (head.path.query) {
    std::string query = without_parameters(*head.path.query, is_signature_parameter);
    for (auto plus = query.find('+'); plus != std::string::npos; plus = query.find('+', plus))
      query.replace(plus, 1, "%20");
    head.path.query = std::move(query);
    if (head.path.query->empty()) head.path.query.reset();
  }
  // Signatures are made over TLS only, where servers take ":443" and no port for the same, and may sign either.
  if (head.authority.port == kHttpsPort) head.authority.port.reset();
}

/// The last line of the canonical request.
std::string payload_hash(const GuestSignature& guest, std::string_view body) {
  if (guest.payload != GuestSignature::Payload::kAbsent) return guest.payload_text;
  return guest.needs_body() ? sha256_hex(body) : std::string(kUnsignedPayload);
}

/// What is signed of a head, with the two lines that are no fields of it.
class HeadLines {
 public:
  HeadLines(const http::RequestHead& head, const std::vector<std::string>& also)
      : host_(head.authority.to_string()), length_(std::to_string(head.body.length)) {
    fields_.emplace("host", host_);
    if (head.body.kind == http::BodyFraming::Kind::kLength && is_one_of(also, "content-length"))
      fields_.emplace("content-length", length_);
    for (const http::HeaderField& field : head.fields) {
      std::string name = field.name;
      std::ranges::transform(name, name.begin(), ascii::lower);
      const bool wanted = name.starts_with("x-amz-") || is_one_of(kSignedFields, name) || is_one_of(also, name);
      if (wanted && !is_one_of(kNeverSigned, name)) fields_.emplace(std::move(name), field.value);
    }
  }
  HeadLines(const HeadLines&) = delete;
  HeadLines& operator=(const HeadLines&) = delete;

  [[nodiscard]] const SignedFields& fields() const { return fields_; }

 private:
  const std::string host_;
  const std::string length_;
  SignedFields fields_;  // views of both, and of the head
};

struct Signing {
  SignatureScope scope;
  std::string timestamp;
  std::string payload;
};

/// `query`: canonical.
ChunkSeed signature_of(const http::RequestHead& head, const Signing& signing, const HeadLines& lines,
                       std::string_view query, const AwsKeys& keys) {
  std::string canonical = canonical_request(head.method, canonical_uri(head.path.path, signing.scope.service), query,
                                            lines.fields(), signing.payload);
  const std::string text = string_to_sign(signing.timestamp, signing.scope, canonical);
  wipe(canonical);
  SigningKey key(keys.secret_access_key, signing.scope);
  std::string signature = key.sign(text);
  return {.key = std::move(key),
          .timestamp = signing.timestamp,
          .scope = signing.scope.text(),
          .signature = std::move(signature)};
}

Result<ChunkSeed> sign_in_header(http::RequestHead& head, const GuestSignature& guest, const Signing& signing,
                                 const AwsKeys& keys) {
  head.fields.push_back({"X-Amz-Date", signing.timestamp});
  if (!keys.session_token.empty())
    head.fields.push_back({"X-Amz-Security-Token", std::string(keys.session_token), true});
  if (guest.payload == GuestSignature::Payload::kAbsent && signs_as_s3(guest.service))
    head.fields.push_back({"X-Amz-Content-Sha256", signing.payload});
  const HeadLines lines(head, guest.signed_headers);
  const std::string query = TRY(canonical_query(head.path.query.value_or(""), ""));
  ChunkSeed seed = signature_of(head, signing, lines, query, keys);
  std::string authorization = fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kSigV4Algorithm,
                                          keys.access_key_id, seed.scope, names_of(lines.fields()), seed.signature);
  head.fields.push_back({"Authorization", std::move(authorization), true});
  return seed;
}

/// The parameters that are signed themselves; the session token is none of them yet.
std::string query_to_sign(const http::RequestHead& head, const Signing& signing, std::string_view expires,
                          const HeadLines& lines, std::string_view key_id) {
  const auto escaped = percent_encode;
  std::string query = head.path.query ? *head.path.query + "&" : "";
  query += fmt::format("X-Amz-Algorithm={}&X-Amz-Credential={}&X-Amz-Date={}", kSigV4Algorithm,
                       escaped(fmt::format("{}/{}", key_id, signing.scope.text())), signing.timestamp);
  if (!expires.empty()) query += fmt::format("&X-Amz-Expires={}", expires);
  query += fmt::format("&X-Amz-SignedHeaders={}", escaped(names_of(lines.fields())));
  return query;
}

Result<ChunkSeed> sign_in_query(http::RequestHead& head, const GuestSignature& guest, const Signing& signing,
                                const AwsKeys& keys) {
  const HeadLines lines(head, guest.signed_headers);
  const std::string unsigned_query = query_to_sign(head, signing, guest.expires, lines, keys.access_key_id);
  std::string token = percent_encode(keys.session_token);
  std::string canonical = TRY(canonical_query(unsigned_query, token));
  ChunkSeed seed = signature_of(head, signing, lines, canonical, keys);
  wipe(canonical);
  constexpr std::string_view kToken = "&X-Amz-Security-Token=";
  constexpr std::string_view kSignature = "&X-Amz-Signature=";
  std::string query;
  query.reserve(unsigned_query.size() + kToken.size() + token.size() + kSignature.size() + seed.signature.size());
  query += unsigned_query;
  if (!token.empty()) {
    query += kToken;
    query += token;
    wipe(token);
  }
  query += kSignature;
  query += seed.signature;
  head.path.query = std::move(query);
  head.secret_target = true;
  return seed;
}

}  // namespace

Result<ChunkSeed> sign(http::RequestHead& head, const GuestSignature& guest, const AwsKeys& keys,
                       WallClock::time_point now, std::string_view body) {
  TRY_VOID(check_keys(keys));
  make_plain(head);
  Signing signing{.scope = {}, .timestamp = guest.timestamp, .payload = payload_hash(guest, body)};
  if (guest.form == Form::kHeader) signing.timestamp = sigv4_timestamp(now);
  signing.scope = {.date = signing.timestamp.substr(0, 8), .region = guest.region, .service = guest.service};
  return guest.form == Form::kHeader ? sign_in_header(head, guest, signing, keys)
                                     : sign_in_query(head, guest, signing, keys);
}

Result<> sign_own(http::RequestHead& head, std::string_view body, std::string_view region, std::string_view service,
                  const AwsKeys& keys, WallClock::time_point now) {
  const GuestSignature none{.date = {},
                            .region = std::string(region),
                            .service = std::string(service),
                            .timestamp = {},
                            .expires = {},
                            .signed_headers = {},
                            .payload_text = {}};
  TRY_VOID(sign(head, none, keys, now, body));
  return {};
}

}  // namespace enforcer::credentials
