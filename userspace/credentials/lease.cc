#include "credentials/lease.h"

#include <algorithm>
#include <vector>

#include "base/percent.h"
#include "base/wiping_allocator.h"
#include "credentials/aws_keys.h"
#include "credentials/basic.h"

namespace enforcer::credentials {
namespace {

using Injection = policy::CredentialSpec::Injection;

WipedString wiped(std::string text) {
  WipedString out(text);
  wipe(text);
  return out;
}

/// base64("user:SECRET") without the characters in front that the user alone determines: everybody may have those.
WipedString in_basic(std::string_view username, const Secret& value) {
  WipedString text = wiped(basic_authorization(username, value));
  text.erase(0, text.find(' ') + 1 + ((username.size() + 1) * 8 + 5) / 6);
  text.erase(std::min(text.find('='), text.size()));
  return text;
}

/// As the value stands in a request where it does not stand as itself; empty: it does, or is too short to be told from
/// any other text.
WipedString encoded(const Injection& injection, const Secret& value) {
  WipedString text;
  if (injection.as == Injection::As::kBasic) text = in_basic(injection.username, value);
  if (injection.as == Injection::As::kGithub) text = in_basic(kGithubUser, value);
  if (injection.as == Injection::As::kQuery) text = wiped(percent_encode(value.reveal()));
  const bool fits = text.size() >= Needles::kShortest && text.size() <= Secret::kMaxSize;
  return fits && std::string_view(text) != value.reveal() ? text : WipedString();
}

}  // namespace

Result<std::shared_ptr<const Needles>> needles_for(const policy::CredentialSpec& spec, const Secret& value,
                                                   std::string_view signature) {
  std::vector<std::string_view> secrets;
  if (spec.signs()) {
    const AwsKeys keys = keys_in(value);
    secrets = {keys.secret_access_key, keys.session_token, signature};
    std::erase(secrets, std::string_view());
    return Needles::make(secrets);
  }
  std::vector<WipedString> forms;
  for (const Injection& injection : spec.inject) forms.push_back(encoded(injection, value));
  std::erase(forms, WipedString());
  std::ranges::sort(forms);
  forms.erase(std::ranges::unique(forms).begin(), forms.end());
  secrets.assign(forms.begin(), forms.end());
  secrets.insert(secrets.begin(), value.reveal());
  return Needles::make(secrets);
}

}  // namespace enforcer::credentials
