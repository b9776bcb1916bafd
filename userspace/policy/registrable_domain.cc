#include "policy/registrable_domain.h"

#include <libpsl.h>

namespace enforcer::policy {

std::string registrable_domain(const HostName& host) {
  const char* domain = psl_registrable_domain(psl_builtin(), host.text().c_str());
  return domain == nullptr ? std::string() : std::string(domain);
}

}  // namespace enforcer::policy
