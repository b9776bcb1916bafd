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

const CredentialSpec* find_credential(const Credentials& credentials, std::string_view name) {
  const auto found = std::ranges::lower_bound(credentials, name, {}, &CredentialSpec::name);
  return found == credentials.end() || found->name != name ? nullptr : &*found;
}

}  // namespace enforcer::policy
