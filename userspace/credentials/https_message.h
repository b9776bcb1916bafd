// What enforcerd itself asks over HTTPS, and what it is answered. Both hold secrets, and wipe them.
#pragma once

#include <string>
#include <string_view>

#include "base/wiping_allocator.h"
#include "http/request_head.h"
#include "policy/https_url.h"

namespace enforcer::credentials {

/// Where a token service is asked for JSON and sent a form.
inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

struct HttpsRequest {
  /// To `below` under the URL's path ("/v1/secret/data/app": escaped, without a query). kInvalid: the path
  /// has another canonical form (http/path.h), or origins could read it in more than one way.
  static Result<HttpsRequest> make(std::string_view method, const policy::HttpsUrl& url, std::string_view below = {});
  HttpsRequest(HttpsRequest&&) noexcept = default;
  HttpsRequest& operator=(HttpsRequest&&) = delete;
  ~HttpsRequest();  ///< wipes the fields and the query that are marked as secret

  void add(std::string name, std::string_view value) { head.fields.push_back({std::move(name), std::string(value)}); }
  /// The value is wiped with the request.
  void add_secret(std::string name, std::string value) {
    head.fields.push_back({std::move(name), std::move(value), true});
  }
  /// With the field that says what it is.
  void set_body(WipedString content, std::string_view type);

  [[nodiscard]] std::string place() const { return head.authority.to_string(); }  ///< "vault.example:8200"

  http::RequestHead head;  ///< authority: a name; framing of `body` included
  WipedString body;
  bool wants_body = true;  ///< false: of the answer, only the status is read
  /// The secret that is in it, as the server will see it. Servers repeat in their errors what they were asked.
  WipedString confidential;

 private:
  explicit HttpsRequest(http::RequestHead asked) : head(std::move(asked)) {}
};

struct HttpsResponse {
  static constexpr std::size_t kMaxBody = std::size_t{64} * 1024;

  unsigned status = 0;  ///< 200-599
  WipedString body;
  WipedString confidential;  ///< that of the request
};

/// One field more of a form: "NAME=VALUE", escaped, behind '&' where there is one before.
void add_form_field(WipedString& form, std::string_view name, std::string_view value);

}  // namespace enforcer::credentials
