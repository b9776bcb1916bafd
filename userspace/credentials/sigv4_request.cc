#include "credentials/sigv4_request.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/percent.h"
#include "credentials/query_parameters.h"
#include "credentials/sigv4_canonical.h"
#include "http/field_rules.h"
#include "policy/aws_scope.h"
#include "policy/parameters.h"

namespace enforcer::credentials {
namespace {

using Fault = SignatureFault;
using Payload = GuestSignature::Payload;
template <class T>
using Read = std::expected<T, Fault>;

constexpr std::string_view kAsymmetricPrefix = "AWS4-ECDSA-";
constexpr std::string_view kAsymmetricPayload = "STREAMING-AWS4-ECDSA-";
constexpr std::string_view kFieldPrefix = "x-amz-";

/// Fields that signatures are made of, comparable. Another spelling ("x-amz_date") would travel beside ours.
constexpr std::string_view kFields[] = {"authorization",        "x-amz-content-sha256", "x-amz-date",
                                        "x-amz-security-token", "x-amz-region-set",     "x-amz-s3session-token"};

/// Parameters of a presigned URL, as AWS spells them.
constexpr std::string_view kParameters[] = {"X-Amz-Algorithm",     "X-Amz-Credential", "X-Amz-Date",
                                            "X-Amz-Expires",       "X-Amz-Signature",  "X-Amz-SignedHeaders",
                                            "X-Amz-Security-Token"};
/// Comparable; looked for as well.
constexpr std::string_view kRegionSet = "x-amz-region-set";
constexpr std::string_view kContentHash = "x-amz-content-sha256";
constexpr std::string_view kSessionToken = "x-amz-s3session-token";  // of S3 Express: removed
constexpr std::string_view kVersion2Key = "awsaccesskeyid";          // signature version 2 in a query

constexpr std::pair<std::string_view, Payload> kPayloads[] = {
    {"UNSIGNED-PAYLOAD", Payload::kUnsigned},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Payload::kChunks},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", Payload::kChunksTrailer},
    {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", Payload::kUnsignedTrailer}};

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii::lower);
  return out;
}

/// What is said under each comparable name.
class Sayings {
 public:
  void add(std::string name, std::string_view value) { said_.emplace(std::move(name), value); }
  [[nodiscard]] std::size_t times(std::string_view name) const { return said_.count(name); }
  /// Empty: nothing is said.
  [[nodiscard]] std::string_view first(std::string_view name) const {
    const auto found = said_.find(name);
    return found == said_.end() ? std::string_view() : std::string_view(found->second);
  }

 private:
  std::multimap<std::string, std::string, std::less<>> said_;
};

Read<Sayings> read_fields(const http::RequestHead& head) {
  Sayings sayings;
  for (const http::HeaderField& field : head.fields) {
    std::string comparable = http::comparable_name(field.name);
    const std::string lower = lower_case(field.name);
    const bool known = std::ranges::find(kFields, comparable) != std::end(kFields);
    if (known && lower != comparable) return std::unexpected(Fault::kMalformed);
    if (comparable.starts_with(kFieldPrefix) && !lower.starts_with(kFieldPrefix))
      return std::unexpected(Fault::kMalformed);
    if (known) sayings.add(std::move(comparable), field.value);
  }
  return sayings;
}

Read<Sayings> read_parameters(const http::RequestHead& head) {
  Sayings sayings;
  std::string_view rest = head.path.query ? std::string_view(*head.path.query) : std::string_view();
  policy::Parameter parameter;
  while (policy::next_parameter(rest, policy::kLenientSeparators, parameter)) {
    if (!parameter.well_formed) return std::unexpected(Fault::kMalformed);
    std::string comparable = comparable_parameter(percent_encode(parameter.name));
    const auto exact = std::ranges::find(kParameters, comparable, lower_case);
    if (exact != std::end(kParameters) && *exact != parameter.name) return std::unexpected(Fault::kMalformed);
    const bool known = exact != std::end(kParameters) || comparable == kRegionSet || comparable == kContentHash ||
                       comparable == kVersion2Key;
    if (known) sayings.add(std::move(comparable), parameter.value);
  }
  return sayings;
}

bool is_asymmetric(const Sayings& fields, const Sayings& parameters) {
  return fields.first("authorization").starts_with(kAsymmetricPrefix) ||
         parameters.first("x-amz-algorithm").starts_with(kAsymmetricPrefix) || fields.times(kRegionSet) > 0 ||
         parameters.times(kRegionSet) > 0 || fields.first(kContentHash).starts_with(kAsymmetricPayload) ||
         parameters.first(kContentHash).starts_with(kAsymmetricPayload);
}

/// Which of the two forms it is.
Read<GuestSignature::Form> form_of(const Sayings& fields, const Sayings& parameters) {
  const auto times = [&](std::string_view name) { return parameters.times(lower_case(name)); };
  const bool in_query = std::ranges::any_of(kParameters, [&](std::string_view name) { return times(name) > 0; });
  const std::size_t authorizations = fields.times("authorization");
  if (authorizations > 1 || (authorizations == 1 && in_query)) return std::unexpected(Fault::kSaidTwice);
  if (authorizations == 0 && !in_query) return std::unexpected(Fault::kUnsigned);
  if (parameters.times(kVersion2Key) > 0) return std::unexpected(Fault::kSaidTwice);
  if (authorizations == 1) return GuestSignature::Form::kHeader;
  if (std::ranges::any_of(kParameters, [&](std::string_view name) { return times(name) > 1; }))
    return std::unexpected(Fault::kSaidTwice);
  return GuestSignature::Form::kQuery;
}

bool is_digits(std::string_view text) {
  return std::ranges::all_of(text, ascii::is_digit);
}
bool is_hash(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) { return ascii::hex_value(c) >= 0; });
}
/// Also one of ours that was masked on its way to the guest: in a redirect to where the same request is to be made
/// again.
bool is_guest_signature(std::string_view text) {
  return is_hash(text) || (text.size() == 64 && text.find_first_not_of('*') == std::string_view::npos);
}
bool is_region(std::string_view text) {
  constexpr std::size_t kLongestRegion = 64;
  return !text.empty() && text.size() <= kLongestRegion &&
         std::ranges::all_of(text, [](char c) { return ascii::is_alphanumeric(c) || c == '-' || c == '_'; });
}
bool is_date(std::string_view text) {
  return text.size() == 8 && is_digits(text);
}
/// "20130524T000000Z"
bool is_timestamp(std::string_view text) {
  return text.size() == 16 && is_date(text.substr(0, 8)) && text[8] == 'T' && is_digits(text.substr(9, 6)) &&
         text[15] == 'Z';
}
bool is_field_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return ascii::is_lower(c) || ascii::is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

/// The three parts that both forms have.
struct Parts {
  std::string_view credential;
  std::string_view signed_headers;
  std::string_view signature;
};

/// "Credential=…, SignedHeaders=…, Signature=…" in any order, each once.
std::optional<Parts> parts_of(std::string_view text) {
  Parts parts;
  const std::pair<std::string_view, std::string_view*> wanted[] = {
      {"Credential", &parts.credential}, {"SignedHeaders", &parts.signed_headers}, {"Signature", &parts.signature}};
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    std::string_view piece = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (piece.starts_with(' ')) piece.remove_prefix(1);
    while (piece.ends_with(' ')) piece.remove_suffix(1);
    const auto equals = std::min(piece.find('='), piece.size());
    const auto* const found =
        std::ranges::find(wanted, piece.substr(0, equals), [](const auto& one) { return one.first; });
    if (found == std::end(wanted) || !found->second->empty() || equals + 1 >= piece.size()) return std::nullopt;
    *found->second = piece.substr(equals + 1);
  }
  return parts;
}

/// "host;x-amz-date", with host in it: a signature for every host is none for ours.
std::optional<std::vector<std::string>> header_names(std::string_view text) {
  std::vector<std::string> names;
  while (true) {
    const auto end = text.find(';');
    const std::string_view name = text.substr(0, end);
    if (!is_field_name(name)) return std::nullopt;
    names.emplace_back(name);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (std::ranges::find(names, "host") == names.end()) return std::nullopt;
  return names;
}

Read<GuestSignature> read_parts(const Parts& parts) {
  const auto scope = policy::read_aws_scope(parts.credential);
  auto names = header_names(parts.signed_headers);
  if (!scope || !is_date(scope->date) || !is_region(scope->region) || !names || !is_guest_signature(parts.signature))
    return std::unexpected(Fault::kMalformed);
  GuestSignature read;
  read.date = scope->date;
  read.region = scope->region;
  read.service = scope->service;
  read.signed_headers = *std::move(names);
  return read;
}

Read<GuestSignature> read_header_form(std::string_view authorization) {
  const auto blank = std::min(authorization.find(' '), authorization.size());
  const std::string_view scheme = authorization.substr(0, blank);
  if (scheme != kSigV4Algorithm)
    return std::unexpected(lower_case(scheme).starts_with("aws4") ? Fault::kMalformed : Fault::kUnsigned);
  const auto parts = parts_of(authorization.substr(blank));
  return parts ? read_parts(*parts) : std::unexpected(Fault::kMalformed);
}

/// A presigned URL is good for seven days at most.
bool is_lifetime(std::string_view text) {
  constexpr int kLongest = 7 * 24 * 3600;
  return !text.empty() && text.size() <= 6 && is_digits(text) && std::stoi(std::string(text)) <= kLongest;
}

Read<GuestSignature> read_query_form(const Sayings& parameters) {
  const std::string_view timestamp = parameters.first("x-amz-date");
  if (parameters.first("x-amz-algorithm") != kSigV4Algorithm || !is_timestamp(timestamp))
    return std::unexpected(Fault::kMalformed);
  if (parameters.times("x-amz-expires") > 0 && !is_lifetime(parameters.first("x-amz-expires")))
    return std::unexpected(Fault::kMalformed);
  auto read = read_parts({.credential = parameters.first("x-amz-credential"),
                          .signed_headers = parameters.first("x-amz-signedheaders"),
                          .signature = parameters.first("x-amz-signature")});
  if (!read) return read;
  if (!timestamp.starts_with(read->date)) return std::unexpected(Fault::kMalformed);
  read->form = GuestSignature::Form::kQuery;
  read->timestamp = timestamp;
  read->expires = parameters.first("x-amz-expires");
  return read;
}

Read<void> read_payload(const Sayings& fields, const Sayings& parameters, GuestSignature& into) {
  const std::size_t times = fields.times(kContentHash) + parameters.times(kContentHash);
  if (times == 0) return {};
  if (times > 1) return std::unexpected(Fault::kSaidTwice);
  into.payload_text = fields.times(kContentHash) > 0 ? fields.first(kContentHash) : parameters.first(kContentHash);
  if (is_hash(into.payload_text)) {
    into.payload = Payload::kHash;
    return {};
  }
  const auto* const known =
      std::ranges::find(kPayloads, into.payload_text, [](const auto& payload) { return payload.first; });
  if (known == std::end(kPayloads)) return std::unexpected(Fault::kUnknownPayload);
  into.payload = known->second;
  return {};
}

/// "POST Object": S3 takes policy, key id and signature from the parts of the form.
bool is_form_upload(const http::RequestHead& head, std::string_view service) {
  if (head.method != "POST" || !signs_as_s3(service)) return false;
  return std::ranges::any_of(http::values_of(head.fields, "content-type"), [](std::string_view value) {
    return lower_case(value).starts_with("multipart/form-data");
  });
}

}  // namespace

bool GuestSignature::needs_body() const {
  // S3 does not expect the hash of a body that did not exist when its URL was signed.
  return payload == Payload::kAbsent && (form == Form::kHeader || !signs_as_s3(service));
}

std::string_view label(SignatureFault fault) {
  switch (fault) {
    case Fault::kUnsigned:
      return "the request has no AWS signature of version 4";
    case Fault::kAsymmetric:
      return "the request is signed with SigV4a, which cannot be signed again: choose one region, and SigV4";
    case Fault::kMalformed:
      return "the request's AWS signature is malformed";
    case Fault::kSaidTwice:
      return "the request has more than one signature, or one in two places";
    case Fault::kUnknownPayload:
      return "x-amz-content-sha256 is neither a hash nor a kind of body that is known here";
    case Fault::kForm:
      break;
  }
  return "a form upload to S3 has its signature in the body: use PUT";
}

bool is_signature_parameter(std::string_view comparable) {
  return comparable == kSessionToken || std::ranges::find(kParameters, comparable, lower_case) != std::end(kParameters);
}

std::expected<GuestSignature, SignatureFault> read_signature(const http::RequestHead& head) {
  const auto fields = read_fields(head);
  if (!fields) return std::unexpected(fields.error());
  const auto parameters = read_parameters(head);
  if (!parameters) return std::unexpected(parameters.error());
  if (is_asymmetric(*fields, *parameters)) return std::unexpected(Fault::kAsymmetric);
  const auto form = form_of(*fields, *parameters);
  if (!form) return std::unexpected(form.error());
  auto read = *form == GuestSignature::Form::kHeader ? read_header_form(fields->first("authorization"))
                                                     : read_query_form(*parameters);
  if (!read) return read;
  if (is_form_upload(head, read->service)) return std::unexpected(Fault::kForm);
  if (const auto payload = read_payload(*fields, *parameters, *read); !payload) return std::unexpected(payload.error());
  return read;
}

}  // namespace enforcer::credentials
