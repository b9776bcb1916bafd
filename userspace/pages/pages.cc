#include "pages/pages.h"

#include "pages/json_schema.h"

namespace enforcer::pages {

std::vector<Page> shipped_pages() {
  return {
      {"policies/schema/enforcer-policy.schema.json", policy_schema()},
      {"policies/schema/enforcer-config.schema.json", config_schema()},
  };
}

}  // namespace enforcer::pages
