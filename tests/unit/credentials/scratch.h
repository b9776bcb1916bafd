// What the tests of sources share: programs, specs, and a loop that ends.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "../eventually.h"
#include "../temporary_folder.h"
#include "base/deadline.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials::testing {

/// A value: nothing of it may be in an error, or in a request it is not for.
inline constexpr std::string_view kCanary = "S3CR3T-CANARY";

/// A shell script; its path.
inline std::string write_script(const TemporaryFolder& folder, std::string_view name, std::string_view text) {
  return folder.write(name, "#!/bin/sh\n" + std::string(text) + "\n", 0700);
}

using Kind = policy::CredentialSpec::Source::Kind;

inline policy::CredentialSpec spec(std::string name, policy::CredentialSpec::Source source) {
  policy::CredentialSpec made;
  made.name = std::move(name);
  made.file = "credentials.yaml";
  made.place = {.line = 7, .column = 3};
  made.source = std::move(source);
  return made;
}
inline policy::CredentialSpec file_spec(std::string path) {
  return spec("bot", {.kind = Kind::kFile, .path = std::move(path)});
}

/// Runs the loop until the operation has its result.
template <class T>
T await(boost::asio::io_context& io, boost::asio::awaitable<T> operation) {
  std::optional<T> result;
  boost::asio::co_spawn(io, std::move(operation), [&](std::exception_ptr error, T value) {
    REQUIRE(error == nullptr);
    result.emplace(std::move(value));
  });
  const Deadline deadline = Deadline::after(std::chrono::seconds(30));
  io.restart();
  while (!result && !deadline.passed()) io.run_one_for(std::chrono::milliseconds(100));
  REQUIRE(result.has_value());
  return *std::move(result);
}

}  // namespace enforcer::credentials::testing
