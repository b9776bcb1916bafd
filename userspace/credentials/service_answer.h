// What answers of token services and vaults have in common: JSON, a token in it, words about an error.
#pragma once

#include <optional>
#include <string_view>

#include "credentials/https_message.h"
#include "credentials/value.h"
#include "credentials/wiped_json.h"

namespace enforcer::credentials {

/// The answer's object. kUnavailable: the body is no JSON, or no object.
Result<WipedJson> object_in(const HttpsResponse& response);
/// Nothing: there is no such member, or it is no text. The view is into `object`.
[[nodiscard]] std::optional<std::string_view> text_in(const WipedJson& object, std::string_view name);

/// A token that goes into a header. kUnavailable: it is empty, or not visible ASCII (RFC 6750 2.1), or too long.
Result<std::shared_ptr<const Secret>> token_of(std::string_view text);

/// `number` as a time from now on, in whole seconds; more than a day is a day, and it is asked for again then.
/// kUnavailable: it is no whole number above 0.
Result<std::chrono::seconds> lifetime_of(const WipedJson& number);

/// The server said no: "it answered 403: WORDS". Of the words (empty: none) escaped ones stay, so many as a person
/// reads; none at all where they repeat a piece of the secret that was sent.
[[nodiscard]] std::unexpected<Error> fail_refused(const HttpsResponse& response, std::string_view words);
/// kUnavailable: it answered something that is not what the protocol says; `what` is a text of ours.
[[nodiscard]] std::unexpected<Error> fail_unexpected(std::string_view what);

}  // namespace enforcer::credentials
