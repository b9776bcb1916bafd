#include "review/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/hex.h"
#include "base/result.h"

namespace enforcer::review {
namespace {

/// A SHA-256 over parts. Each goes in behind its length, so that where one ends and the next begins is part of it:
/// "ab" + "c" is not "a" + "bc".
class PartsDigest {
 public:
  void add(std::span<const std::uint8_t> part) {
    add_number(part.size());
    digest_.add(part);
  }
  void add(std::string_view part) { add(as_bytes(part)); }

  /// Eight octets, the most significant first.
  void add_number(std::uint64_t number) {
    std::array<std::uint8_t, 8> octets;
    for (std::size_t i = 0; i < octets.size(); ++i) {
      octets[i] = static_cast<std::uint8_t>(number >> (8 * (octets.size() - 1 - i)));
    }
    digest_.add(octets);
  }

  Fingerprint finish() {
    Fingerprint fingerprint;
    digest_.finish(fingerprint.octets);
    return fingerprint;
  }

 private:
  Digest digest_ = Digest::sha256();
};

/// A client's clock, its name or the number of a try is short; what is longer carries something.
constexpr std::size_t kLongestUncounted = 256;

/// Of an Authorization: who asks. A signature of AWS is another one in each try, the key and what it is for are not.
std::string who_asks(std::string_view authorization) {
  constexpr std::string_view kScope = "Credential=";
  const auto begin = authorization.find(kScope);
  if (!authorization.starts_with("AWS4-HMAC-SHA256 ") || begin == std::string_view::npos)
    return std::string(authorization);
  std::string_view scope = authorization.substr(begin + kScope.size());
  scope = scope.substr(0, scope.find_first_of(", "));
  const auto key = scope.find('/');  // KEY/DATE/REGION/SERVICE/aws4_request
  const auto date = key == std::string_view::npos ? key : scope.find('/', key + 1);
  if (date == std::string_view::npos || authorization.find(kScope, begin + 1) != std::string_view::npos)
    return std::string(authorization);
  return fmt::format("AWS4 {}{}", scope.substr(0, key), scope.substr(date));
}

void add_fields(PartsDigest& digest, const std::vector<policy::FieldFact>& fields) {
  const auto counts = [](const policy::FieldFact& field) {
    return !changes_between_tries(field.name) || field.value.size() > kLongestUncounted;
  };
  digest.add_number(static_cast<std::uint64_t>(std::ranges::count_if(fields, counts)));
  for (const policy::FieldFact& field : fields) {
    if (!counts(field)) continue;
    digest.add(field.name);
    digest.add(field.name == "authorization" ? who_asks(field.value) : field.value);
  }
}

void add_request(PartsDigest& digest, const policy::RequestFacts& request) {
  digest.add_number(request.transport == policy::RequestFacts::Transport::kTls ? 1 : 0);
  digest.add(request.method);
  digest.add(request.path);
  // "/a?" and "/a" are two requests.
  digest.add_number(request.query ? 1 : 0);
  digest.add(request.query.value_or(""));
  // Upgrade itself concerns the connection, but what it makes of the request does not.
  digest.add_number(request.websocket ? 1 : 0);
  add_fields(digest, request.fields);
}

}  // namespace

std::string to_hex(const Fingerprint& fingerprint) {
  return hex(fingerprint.octets);
}

bool changes_between_tries(std::string_view field) {
  constexpr std::array<std::string_view, 14> kNames = {
      "amz-sdk-invocation-id", "amz-sdk-request",  "connection", "date",        "keep-alive",
      "proxy-authorization",   "proxy-connection", "te",         "traceparent", "tracestate",
      "transfer-encoding",     "upgrade",          "user-agent", "x-amz-date"};
  return std::ranges::binary_search(kNames, field);
}

Fingerprint fingerprint_of(Epoch epoch, const policy::Facts& facts, std::span<const std::uint8_t> body,
                           std::string_view rule_text) {
  ENFORCER_CHECK(facts.request != nullptr);
  PartsDigest digest;
  digest.add("enforcer review 1");
  digest.add_number(static_cast<std::uint64_t>(epoch));
  digest.add(facts.host ? facts.host->text() : "");
  digest.add(facts.destination ? facts.destination->to_string() : "");
  digest.add_number(static_cast<std::uint16_t>(facts.port));
  add_request(digest, *facts.request);
  digest.add(body);
  digest.add(rule_text);
  return digest.finish();
}

}  // namespace enforcer::review
