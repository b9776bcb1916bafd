#include "policy/credential_spec.h"

#include <algorithm>

namespace enforcer::policy {

const CredentialSpec::Injection* CredentialSpec::binding_for(const HostName& host, Port port) const {
  const auto covers = [&](const Target& target) {
    return target.host() && target.host()->matches(host) && target.has_port(port);
  };
  const auto found = std::ranges::find_if(
      inject, [&](const Injection& injection) { return std::ranges::any_of(injection.to, covers); });
  return found == inject.end() ? nullptr : &*found;
}

CredentialSpec::Shape CredentialSpec::source_shape() const {
  if (std::holds_alternative<GithubAppExchange>(exchange)) return Shape::kPrivateKey;
  if (std::holds_alternative<AssumeRoleExchange>(exchange)) return Shape::kKeyPair;
  if (const auto* oauth2 = std::get_if<Oauth2Exchange>(&exchange)) {
    return oauth2->grant == Oauth2Exchange::Grant::kJwtBearer ? Shape::kPrivateKey : Shape::kLine;
  }
  return signs() ? Shape::kKeyPair : Shape::kLine;
}

bool CredentialSpec::signs() const {
  return std::ranges::any_of(inject, [](const Injection& binding) { return binding.as == Injection::As::kSigV4; });
}

std::string_view label(CredentialSpec::Source::Kind kind) {
  using enum CredentialSpec::Source::Kind;
  switch (kind) {
    case kFile:
      return "file";
    case kSystemd:
      return "systemd";
    case kEnv:
      return "env";
    case kExec:
      return "exec";
    case kStored:
      return "store";
    case kVault:
      break;
  }
  return "vault";
}

std::string_view label(CredentialSpec::Injection::As as) {
  using enum CredentialSpec::Injection::As;
  switch (as) {
    case kBearer:
      return "bearer";
    case kBasic:
      return "basic";
    case kHeader:
      return "header";
    case kQuery:
      return "query";
    case kGithub:
      return "github";
    case kSigV4:
      break;
  }
  return "sigv4";
}

const CredentialSpec* find_credential(const Credentials& credentials, std::string_view name) {
  const auto found = std::ranges::lower_bound(credentials, name, {}, &CredentialSpec::name);
  return found == credentials.end() || found->name != name ? nullptr : &*found;
}

}  // namespace enforcer::policy
