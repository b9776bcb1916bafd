#include "credentials/injection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/percent.h"
#include "credentials/basic.h"
#include "credentials/query_parameters.h"
#include "http/field_rules.h"
#include "policy/own_credentials.h"

namespace enforcer::credentials {
namespace {

using Injection = policy::CredentialSpec::Injection;
using As = Injection::As;

/// Where the value stands in the format of a header.
constexpr std::string_view kHole = "{}";

void remove_parameters(http::RequestPath& path, const std::function<bool(const std::string&)>& refused) {
  if (!path.query) return;
  path.query = without_parameters(*path.query, refused);
  if (path.query->empty()) path.query.reset();
}

/// RFC 9110 5.5, and no octet that an origin might decode: visible ASCII, with blanks inside only.
bool is_field_value(std::string_view value) {
  return !value.empty() && ascii::is_visible(value.front()) && ascii::is_visible(value.back()) &&
         std::ranges::all_of(value, [](char c) { return ascii::is_printable(c) || c == '\t'; });
}

Result<> check(const Injection& binding, const Secret& secret) {
  const bool in_field = binding.as == As::kBearer || binding.as == As::kHeader || binding.as == As::kGithub;
  if (in_field && !is_field_value(secret.reveal())) {
    return fail(Errc::kInvalid, "the value cannot stand in a header: it is not visible ASCII");
  }
  if (binding.as == As::kBasic && (binding.username.contains(':') || binding.username.empty())) {
    return fail(Errc::kInvalid, "a user name for Basic is not empty and has no ':' (RFC 7617 2)");
  }
  if (binding.as == As::kHeader) {
    const auto at = binding.format.find(kHole);
    if (at == std::string::npos || binding.format.find(kHole, at + 1) != std::string::npos) {
      return fail(Errc::kInvalid, "the format of a header has '{}' once, where the value goes");
    }
    // The value is legal at both ends, so the format is exactly when it is legal around one visible character.
    if (!is_field_value(std::string(binding.format).replace(at, kHole.size(), "x"))) {
      return fail(Errc::kInvalid, "the format of a header is not visible ASCII");
    }
    if (binding.name.empty() || !http::is_end_to_end(binding.name, {})) {
      return fail(Errc::kInvalid, fmt::format("a value cannot be sent in the header '{}'", binding.name));
    }
  }
  if (binding.as == As::kQuery && binding.name.empty()) return fail(Errc::kInvalid, "a query parameter has a name");
  return {};
}

std::string between(std::string_view before, const Secret& secret, std::string_view after) {
  std::string out;
  out.reserve(before.size() + secret.reveal().size() + after.size());
  out += before;
  out += secret.reveal();
  out += after;
  return out;
}

std::string in_format(const Injection& binding, const Secret& secret) {
  const std::string_view format = binding.format;
  const auto at = format.find(kHole);
  return between(format.substr(0, at), secret, format.substr(at + kHole.size()));
}

void add_parameter(std::string_view name, const Secret& secret, http::RequestPath& path) {
  std::string value = percent_encode(secret.reveal());
  const std::string before = path.query ? *path.query + "&" : "";
  std::string query;
  query.reserve(before.size() + name.size() * 3 + 1 + value.size());
  query += before;
  query += percent_encode(name);
  query += '=';
  query += value;
  wipe(value);
  path.query = std::move(query);
}

std::string bearer(const Secret& secret) {
  return between("Bearer ", secret, "");
}

void add_authorization(std::string value, http::RequestHead& head) {
  head.fields.push_back({"Authorization", std::move(value), true});
}

/// A request of git's own, or of Git LFS: GitHub takes Basic there, and Bearer on its API (gitprotocol-http(5), Git LFS
/// API "Server Discovery").
bool speaks_git(const http::RequestPath& path) {
  const std::string_view text = path.path;
  return text.ends_with("/info/refs") || text.ends_with("/git-upload-pack") || text.ends_with("/git-receive-pack") ||
         text.contains("/info/lfs/");
}

}  // namespace

void remove_own_credentials(http::RequestHead& head) {
  std::erase_if(head.fields, [](const http::HeaderField& field) {
    return policy::is_credential_field(http::comparable_name(field.name));
  });
  remove_parameters(head.path, [host = head.authority.name()](const std::string& name) {
    return policy::is_credential_parameter(name, host);
  });
}

Result<> inject(const Injection& binding, const Secret& secret, http::RequestHead& head) {
  TRY_VOID(check(binding, secret));
  remove_own_credentials(head);
  switch (binding.as) {
    case As::kSigV4:
      return fail(Errc::kInvalid, "a signature is no value that could be put into a request");
    case As::kGithub:
      add_authorization(speaks_git(head.path) ? basic_authorization(kGithubUser, secret) : bearer(secret), head);
      break;
    case As::kBearer:
      add_authorization(bearer(secret), head);
      break;
    case As::kBasic:
      add_authorization(basic_authorization(binding.username, secret), head);
      break;
    case As::kHeader: {
      const std::string declared = http::comparable_name(binding.name);
      std::erase_if(head.fields,
                    [&](const http::HeaderField& field) { return http::comparable_name(field.name) == declared; });
      head.fields.push_back({binding.name, in_format(binding, secret), true});
      break;
    }
    case As::kQuery: {
      const std::string declared = comparable_parameter(percent_encode(binding.name));
      remove_parameters(head.path, [&](const std::string& name) { return name == declared; });
      add_parameter(binding.name, secret, head.path);
      head.secret_target = true;
      break;
    }
  }
  return {};
}

}  // namespace enforcer::credentials
