#include "credentials/service_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"

namespace enforcer::credentials {
namespace {

constexpr std::size_t kMostWords = 256;
/// So much of a secret in a message would be worth something to somebody.
constexpr std::size_t kTelling = 8;

bool repeats(std::string_view words, std::string_view secret) {
  if (secret.empty()) return false;
  const std::size_t piece = std::min(kTelling, secret.size());
  for (std::size_t at = 0; at + piece <= secret.size(); ++at) {
    if (words.contains(secret.substr(at, piece))) return true;
  }
  return false;
}

}  // namespace

Result<WipedJson> object_in(const HttpsResponse& response) {
  WipedJson document = WipedJson::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded() || !document.is_object()) return fail_unexpected("what is no JSON object");
  return document;
}

std::optional<std::string_view> text_in(const WipedJson& object, std::string_view name) {
  return text_of(member_of(object, name));
}

Result<std::shared_ptr<const Secret>> token_of(std::string_view text) {
  if (text.empty()) return fail_unexpected("an empty token");
  if (!std::ranges::all_of(text, ascii::is_visible)) return fail_unexpected("a token that is not visible ASCII");
  Secret secret = TRY(Secret::copy_of(text));
  return std::make_shared<const Secret>(std::move(secret));
}

Result<std::chrono::seconds> lifetime_of(const WipedJson& number) {
  constexpr std::chrono::seconds kLongest = std::chrono::hours(24);
  if (!number.is_number_integer()) return fail_unexpected("a lifetime that is no whole number");
  // A number that only fits without a sign is a long time, too.
  if (number.is_number_unsigned() && number.get<std::uint64_t>() > static_cast<std::uint64_t>(kLongest.count())) {
    return kLongest;
  }
  const auto seconds = number.get<std::int64_t>();
  if (seconds <= 0) return fail_unexpected("a token that has already expired");
  return std::chrono::seconds(seconds);
}

std::unexpected<Error> fail_refused(const HttpsResponse& response, std::string_view words) {
  std::string said;
  if (response.status >= 300 && response.status < 400) {
    said = ", a redirect: it is not followed";
  } else if (repeats(words, response.confidential)) {
    said = ", with words that repeat the secret";
  } else if (!words.empty()) {
    said = ": " + escape_untrusted(words, kMostWords);
  }
  return fail(Errc::kUnavailable, fmt::format("it answered {}{}", response.status, said));
}

std::unexpected<Error> fail_unexpected(std::string_view what) {
  return fail(Errc::kUnavailable, fmt::format("it answered with {}", what));
}

}  // namespace enforcer::credentials
