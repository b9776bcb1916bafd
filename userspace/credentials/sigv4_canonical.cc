#include "credentials/sigv4_canonical.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/percent.h"
#include "policy/parameters.h"

namespace enforcer::credentials {
namespace {

constexpr std::string_view kS3Services[] = {"s3", "s3-outposts", "s3-object-lambda", "s3express"};
constexpr std::string_view kTokenParameter = "X-Amz-Security-Token";

bool begins_with_escape(std::string_view text) {
  return text.size() >= 3 && text[0] == '%' && ascii::hex_value(text[1]) >= 0 && ascii::hex_value(text[2]) >= 0;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// Without blanks at both ends, one blank for a run of them. No copy on the way: the value may be a secret.
void append_value(std::string& out, std::string_view value) {
  bool begun = false;
  bool blank = false;
  for (const char c : value) {
    if (is_blank(c)) {
      blank = begun;
      continue;
    }
    if (std::exchange(blank, false)) out += ' ';
    out += c;
    begun = true;
  }
}

void append_fields(std::string& out, const SignedFields& fields) {
  for (auto field = fields.begin(); field != fields.end();) {
    const auto& name = field->first;
    out += name;
    char before = ':';
    for (; field != fields.end() && field->first == name; ++field) {
      out += std::exchange(before, ',');
      append_value(out, field->second);
    }
    out += '\n';
  }
}

void append_parameter(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += '&';
  out += name;
  out += '=';
  out += value;
}

}  // namespace

bool signs_as_s3(std::string_view service) {
  return std::ranges::find(kS3Services, service) != std::end(kS3Services);
}

std::string canonical_uri(std::string_view path, std::string_view service) {
  const bool once = signs_as_s3(service);
  std::string out;
  while (!path.empty()) {
    const bool escaped = once && begins_with_escape(path);
    const std::string_view piece = path.substr(0, escaped ? 3 : 1);
    if (escaped || piece == "/") {
      out += piece;
    } else {
      out += percent_encode(piece);
    }
    path.remove_prefix(piece.size());
  }
  return out;
}

Result<std::string> canonical_query(std::string_view query, std::string_view escaped_token) {
  std::vector<std::pair<std::string, std::string>> parameters;
  std::size_t size = kTokenParameter.size() + escaped_token.size() + 2;
  policy::Parameter parameter;
  while (policy::next_parameter(query, "&", parameter)) {
    if (!parameter.well_formed) return fail(Errc::kInvalid, "the query has a malformed escape, and cannot be signed");
    parameters.emplace_back(percent_encode(parameter.name), percent_encode(parameter.value));
    size += parameters.back().first.size() + parameters.back().second.size() + 2;
  }
  std::ranges::sort(parameters);
  std::string out;
  out.reserve(size);  // no growing, or a piece of a secret would stay behind
  bool token_is_due = !escaped_token.empty();
  for (const auto& [name, value] : parameters) {
    if (token_is_due && name > kTokenParameter) {
      append_parameter(out, kTokenParameter, escaped_token);
      token_is_due = false;
    }
    append_parameter(out, name, value);
  }
  if (token_is_due) append_parameter(out, kTokenParameter, escaped_token);
  return out;
}

std::string names_of(const SignedFields& fields) {
  std::string out;
  for (auto field = fields.begin(); field != fields.end(); field = fields.upper_bound(field->first)) {
    if (!out.empty()) out += ';';
    out += field->first;
  }
  return out;
}

std::string canonical_request(std::string_view method, std::string_view uri, std::string_view query,
                              const SignedFields& fields, std::string_view payload_hash) {
  const std::string names = names_of(fields);
  std::size_t size = method.size() + uri.size() + query.size() + names.size() + payload_hash.size() + 8;
  for (const auto& [name, value] : fields) size += name.size() + value.size() + 2;
  std::string out;
  out.reserve(size);  // no growing, or a piece of a secret would stay behind
  for (const std::string_view line : {method, uri, query}) {
    out += line;
    out += '\n';
  }
  append_fields(out, fields);
  out += '\n';
  out += names;
  out += '\n';
  out += payload_hash;
  return out;
}

std::string string_to_sign(std::string_view timestamp, const SignatureScope& scope, std::string_view canonical) {
  return fmt::format("{}\n{}\n{}\n{}", kSigV4Algorithm, timestamp, scope.text(), sha256_hex(canonical));
}

}  // namespace enforcer::credentials
