// What the tests of sources share: a folder, files and programs in it, specs, and a loop that ends.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials::testing {

/// A value: nothing of it may be in an error, or in a request it is not for.
inline constexpr std::string_view kCanary = "S3CR3T-CANARY";

class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/enforcer-unit-credentials-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::string at(std::string_view name) const { return path_ + "/" + std::string(name); }
  /// Writes a new file in place of an old one, as a rotation does.
  std::string write(std::string_view name, std::string_view text, mode_t mode = 0600) const {
    const std::string path = at(name);
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << text;
    REQUIRE(chmod(path.c_str(), mode) == 0);
    return path;
  }
  /// A shell script.
  std::string program(std::string_view name, std::string_view text) const {
    return write(name, "#!/bin/sh\n" + std::string(text) + "\n", 0700);
  }
  [[nodiscard]] std::string read(std::string_view name) const {
    std::ifstream file(at(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

inline bool eventually(const std::function<bool()>& condition) {
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  while (!condition()) {
    if (deadline.passed()) return false;
    poll(nullptr, 0, 10);
  }
  return true;
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
