// Value: what a source gave, made clean once, so that nothing behind it has to think of newlines (attack: CR, LF or NUL
// in a stored secret becomes a header of its own).
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/deadline.h"
#include "base/secret.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials {

struct Value {
  std::shared_ptr<const Secret> secret;
  std::optional<WallClock::time_point> expires;  ///< none: the source did not say
};

using Shape = policy::CredentialSpec::Shape;

/// The one place where the text that a source gives becomes a value of the shape that is wanted. kLine: one line
/// (clean_value); kKeyPair: keys of AWS in any of their forms (aws_keys_text.h); kPrivateKey: PEM (private_key.h).
/// kInvalid, without a byte of the text in the message: it is not of that shape, is too long, or has expired.
Result<Value> value_of(std::string_view raw, Shape shape, WallClock::time_point now);

/// Removes exactly one newline at the end (LF or CRLF), as editors and `echo` leave it. kInvalid, without a byte of the
/// value in the message: empty, more than Secret::kMaxSize bytes, or a control character other than tab inside.
Result<Secret> clean_value(std::string_view raw);

/// The same with line breaks inside: a text that is to become a value of a shape which is not known yet.
Result<Secret> clean_text(std::string_view raw);

/// Takes as long for any two values of one length (attack: guessing a value by how long a comparison takes).
[[nodiscard]] bool same_value(const Secret& a, const Secret& b);

/// Room for the longest raw text that may become a value: what fills it is too long.
inline constexpr std::size_t kMaxRaw = Secret::kMaxSize + 3;

}  // namespace enforcer::credentials
