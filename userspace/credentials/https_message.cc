#include "credentials/https_message.h"

#include <fmt/format.h>

#include <optional>

#include "base/percent.h"
#include "base/secret.h"

namespace enforcer::credentials {

Result<HttpsRequest> HttpsRequest::make(std::string_view method, const policy::HttpsUrl& url, std::string_view below) {
  std::string target = url.path;
  if (!below.empty()) {
    if (target.ends_with('/')) target.pop_back();
    target += below;
  }
  auto path = http::canonical_path(target);
  if (!path) return fail_in(fmt::format("the path '{}'", target), path.error());
  // What resolves to another path is a mistake, or an attempt at one ("app/../../sys").
  if (path->path != target) return fail(Errc::kInvalid, fmt::format("the path '{}' is to be '{}'", target, path->path));
  const auto port = url.port == kHttpsPort ? std::nullopt : std::optional(url.port);
  http::RequestHead head{.method = std::string(method),
                         .authority = {.host = url.host, .port = port},
                         .path = *std::move(path),
                         .connection = http::Connection::kClose};
  return HttpsRequest(std::move(head));
}

HttpsRequest::~HttpsRequest() {
  for (http::HeaderField& field : head.fields) {
    if (field.secret) wipe(field.value);
  }
  if (head.secret_target && head.path.query) wipe(*head.path.query);
}

void HttpsRequest::set_body(WipedString content, std::string_view type) {
  add("Content-Type", type);
  body = std::move(content);
  head.body = {http::BodyFraming::Kind::kLength, body.size()};
}

void add_form_field(WipedString& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form += percent_encode(name);
  form += '=';
  std::string escaped = percent_encode(value);
  form += escaped;
  wipe(escaped);
}

}  // namespace enforcer::credentials
