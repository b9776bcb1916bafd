#include "enforcerctl/configured.h"

#include <fmt/format.h>

#include <utility>

namespace enforcer::ctl {

Result<config::Config> loaded_config(const std::optional<std::string>& path, std::string_view hint) {
  auto outcome = config::load_config(path);
  if (outcome.config) return *std::move(outcome.config);
  std::string text = "the configuration does not load";
  if (!hint.empty()) text += fmt::format(" ({})", hint);
  for (const auto& diagnostic : outcome.diagnostics) text += "\n" + diagnostic.to_string();
  return fail(Errc::kNotLoaded, text);
}

}  // namespace enforcer::ctl
