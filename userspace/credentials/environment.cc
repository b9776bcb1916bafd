#include "credentials/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace enforcer::credentials {
namespace {

Result<LockedBuffer> copy_of(std::string_view text) {
  if (text.empty()) return fail(Errc::kInvalid, "the value is empty");
  LockedBuffer copy = TRY(LockedBuffer::make(text.size()));
  std::ranges::copy(text, copy.bytes().begin());
  return copy;
}

}  // namespace

std::unique_ptr<Environment> Environment::take(std::span<const std::string> variables) {
  auto environment = std::make_unique<Environment>();
  for (const std::string& variable : variables) {
    char* const value = std::getenv(variable.c_str());
    if (value == nullptr) continue;
    environment->taken_.emplace(variable, copy_of(value));
    wipe(std::span(value, std::strlen(value)));
    unsetenv(variable.c_str());
  }
  return environment;
}

boost::asio::awaitable<Result<Value>> Environment::read(const policy::CredentialSpec& spec, Deadline) {
  co_return *look(spec);
}

std::optional<Result<Value>> Environment::look(const policy::CredentialSpec& spec) {
  const std::string& variable = spec.source.variable;
  const auto found = taken_.find(variable);
  if (found == taken_.end()) {
    return fail(
        Errc::kNotFound,
        fmt::format("environment variable {} was not set when enforcerd started, or no credential named it then: "
                    "set it and restart enforcerd",
                    variable));
  }
  const std::string place = "environment variable " + variable;
  if (!found->second) return fail_in(place, found->second.error());
  const auto raw = found->second->bytes();
  auto value = value_of({raw.data(), raw.size()}, spec.source_shape(), WallClock::now());
  if (!value) return fail_in(place, value.error());
  return value;
}

}  // namespace enforcer::credentials
