#include "pages/pages.h"

#include "pages/json_schema.h"
#include "pages/manual_page.h"
#include "pages/markdown.h"
#include "pages/metric_page.h"
#include "pages/reason_page.h"

namespace enforcer::pages {

std::vector<Page> shipped_pages() {
  return {
      {"policies/schema/enforcer-policy.schema.json", policy_schema()},
      {"policies/schema/enforcer-config.schema.json", config_schema()},
      {"policies/reference.md", policy_reference()},
      {"deploy/reference.md", config_reference()},
      {"deploy/metrics.md", metric_page()},
      {"userspace/reasons.md", reason_page()},
  };
}

std::vector<Page> manual_pages() {
  return {{"enforcer-policy.5", policy_manual()}, {"enforcer-credential.5", credential_manual()}};
}

}  // namespace enforcer::pages
