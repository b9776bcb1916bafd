#include "enforcerd/credential_sources.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/log.h"
#include "enforcerd/policy_store.h"
#include "policy/loader.h"

namespace enforcer::enforcerd {
namespace {

using Kind = policy::CredentialSpec::Source::Kind;

/// The credentials of the configured files, whatever the policies beside them make of it.
Result<policy::Credentials> configured_credentials(const config::Config& config, const config::Paths& paths) {
  const auto sources = TRY(PolicyStore(config, paths).configured());
  const auto loaded = policy::load(sources, 1, policy::Completeness::kPart);
  if (loaded.snapshot) return loaded.snapshot->credentials();
  for (const policy::Diagnostic& diagnostic : loaded.diagnostics) {
    if (diagnostic.severity == policy::Severity::kError) return fail(Errc::kInvalid, diagnostic.to_string());
  }
  return fail(Errc::kInvalid, "nothing loads");
}

bool belongs_to_root(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 && found.st_uid == 0;
}

}  // namespace

credentials::ExecLoader exec_loader(const config::Config& config, const config::Paths& paths) {
  return [&config, paths]() -> Result<std::vector<credentials::ExecSource>> {
    std::vector<credentials::ExecSource> sources;
    for (policy::CredentialSpec& spec : TRY(configured_credentials(config, paths))) {
      if (spec.source.kind != Kind::kExec) continue;
      if (belongs_to_root(spec.file) && belongs_to_root(spec.file.substr(0, spec.file.rfind('/') + 1))) {
        const auto shape = spec.source_shape();
        sources.push_back({std::move(spec.name), std::move(spec.source.argv), shape});
      } else {
        log_warning("credential {}: its command is not run: {} and its folder must belong to root", spec.name,
                    spec.file);
      }
    }
    return sources;
  };
}

std::vector<credentials::ExecSource> configured_commands(const config::Config& config) {
  if (config.review.notify.empty()) return {};
  return {{.name = kReviewNotify, .argv = config.review.notify, .purpose = credentials::ExecSource::Purpose::kNotice}};
}

std::vector<std::string> secret_variables(const config::Config& config, const config::Paths& paths) {
  std::vector<std::string> variables;
  const auto specs = configured_credentials(config, paths);
  if (!specs) return variables;
  for (const policy::CredentialSpec& spec : *specs) {
    if (spec.source.kind == Kind::kEnv) variables.push_back(spec.source.variable);
  }
  return variables;
}

}  // namespace enforcer::enforcerd
