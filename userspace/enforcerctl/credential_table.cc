#include "enforcerctl/credential_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "control/json.h"

namespace enforcer::ctl {
namespace {

std::string state_text(const control::CredentialInfo& info) {
  return info.error.empty() ? info.state : fmt::format("{}: {}", info.state, info.error);
}

}  // namespace

Table credential_table(const std::vector<control::CredentialInfo>& credentials) {
  Table table({"NAME", "SOURCE", "HOSTS", "AS", "EXPIRES", "PLACE", "STATE"});
  for (const control::CredentialInfo& info : credentials) {
    table.add({info.name, info.source, fmt::format("{}", fmt::join(info.hosts, ",")),
               fmt::format("{}", fmt::join(info.kinds, ",")), info.expires ? control::format_time(*info.expires) : "",
               fmt::format("{}:{}", info.file, info.line), state_text(info)});
  }
  return table;
}

}  // namespace enforcer::ctl
