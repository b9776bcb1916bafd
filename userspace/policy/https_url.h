// HttpsUrl: where enforcerd itself asks for something, as an operator wrote it: "https://vault.example:8200/v1".
//
// A name always, because a certificate has to prove it; no user, no query, no fragment.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/host_name.h"
#include "base/ip.h"

namespace enforcer::policy {

struct HttpsUrl {
  HostName host;
  Port port = kHttpsPort;
  std::string path = "/";  ///< begins with '/'; visible ASCII

  /// What is wrong with it, in words for "'…' is …".
  static std::expected<HttpsUrl, std::string_view> parse(std::string_view text);

  friend bool operator==(const HttpsUrl&, const HttpsUrl&) = default;
};

/// "https://vault.example:8200/v1", without the port where it is 443.
[[nodiscard]] std::string text_of(const HttpsUrl& url);

}  // namespace enforcer::policy
