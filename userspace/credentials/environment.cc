#include "credentials/environment.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

namespace enforcer::credentials {

std::unique_ptr<Environment> Environment::take(std::span<const std::string> variables) {
  auto environment = std::make_unique<Environment>();
  for (const std::string& variable : variables) {
    char* const value = std::getenv(variable.c_str());
    if (value == nullptr) continue;
    auto taken = value_of(value);
    environment->taken_.emplace(variable,
                                taken ? std::move(taken) : fail_in("environment variable " + variable, taken.error()));
    wipe(std::span(value, std::strlen(value)));
    unsetenv(variable.c_str());
  }
  return environment;
}

boost::asio::awaitable<Result<Value>> Environment::read(const policy::CredentialSpec& spec, Deadline) {
  co_return *look(spec);
}

std::optional<Result<Value>> Environment::look(const policy::CredentialSpec& spec) {
  const auto found = taken_.find(spec.source.variable);
  if (found != taken_.end()) return found->second;
  return fail(Errc::kNotFound,
              fmt::format("environment variable {} was not set when enforcerd started, or no credential named it then: "
                          "set it and restart enforcerd",
                          spec.source.variable));
}

}  // namespace enforcer::credentials
