// The official vectors of AWS Signature Version 4, where they are present: 38 requests in both forms, checked step by
// step. They include requests that never come out of http::RequestHead: folded lines, raw blanks and raw UTF-8, paths
// that are not normalised. So the steps are tested with what the vector says, and those of them that the proxy would
// forward as they are (26) are also read as a guest's, with worthless keys, and signed again as a whole. The others are
// the seven "-unnormalized" ones, get-header-value-multiline, get-space-normalized, get-utf8, get-vanilla-utf8-query,
// and post-sts-header-after, whose token is not signed: ours always is.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/percent.h"
#include "credentials/sigv4_canonical.h"
#include "http/path.h"
#include "sigv4_fixture.h"

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

const std::filesystem::path kVectors = ENFORCER_SOURCE_DIR "/../shared/vectors/sigv4";
constexpr std::string_view kVectorTime = "20150830T123600Z";
const SignatureScope kVectorScope{.date = "20150830", .region = "us-east-1", .service = "service"};

std::string vector_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// request.txt and context.json.
struct VectorRequest {
  std::string method;
  std::string path;
  std::string query;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::string access_key_id;
  std::string secret_access_key;
  std::string token;  ///< only when it is to be signed
  bool normalise = true;
  bool sign_body = false;
  bool token_is_signed = true;
  int expires = 0;
};

void read_vector_head(std::string_view text, VectorRequest& request) {
  const auto head_end = std::min(text.find("\n\n"), text.size());
  request.body = text.substr(std::min(head_end + 2, text.size()));
  std::istringstream lines{std::string(text.substr(0, head_end))};
  std::string line;
  std::getline(lines, line);
  const auto blank = line.find(' ');
  const auto version = line.rfind(" HTTP/1.1");
  REQUIRE(version != std::string::npos);
  request.method = line.substr(0, blank);
  const std::string target = line.substr(blank + 1, version - blank - 1);
  const auto mark = target.find('?');
  request.path = target.substr(0, mark);
  request.query = mark == std::string::npos ? "" : target.substr(mark + 1);
  while (std::getline(lines, line)) {
    if (line.empty()) continue;
    if (line.starts_with(' ')) {
      request.fields.back().second += line;  // obs-fold: the blanks are made one when it is signed
      continue;
    }
    const auto colon = line.find(':');
    std::string name = line.substr(0, colon);
    for (char& c : name) c = ascii::lower(c);
    request.fields.emplace_back(name, line.substr(colon + 1));
  }
}

VectorRequest read_vector(const std::filesystem::path& folder) {
  VectorRequest request;
  read_vector_head(vector_file(folder / "request.txt"), request);
  const auto context = nlohmann::json::parse(vector_file(folder / "context.json"));
  const auto& credentials = context.at("credentials");
  request.access_key_id = credentials.at("access_key_id");
  request.secret_access_key = credentials.at("secret_access_key");
  request.token = credentials.value("token", "");
  request.token_is_signed = !context.value("omit_session_token", false);
  request.normalise = context.at("normalize");
  request.sign_body = context.at("sign_body");
  request.expires = context.at("expiration_in_seconds");
  REQUIRE(context.at("timestamp") == "2015-08-30T12:36:00Z");
  REQUIRE(context.at("region") == kVectorScope.region);
  REQUIRE(context.at("service") == kVectorScope.service);
  return request;
}

/// What http/path.h makes of it is the normalisation that is asked for, where it takes it at all.
std::string vector_uri(const VectorRequest& request) {
  const auto normal = http::canonical_path(request.path);
  return canonical_uri(request.normalise && normal ? normal->path : request.path, kVectorScope.service);
}

void check_steps(const std::filesystem::path& folder, const std::string& form, const VectorRequest& request,
                 const SignedFields& fields, std::string_view query) {
  CAPTURE(form);
  const std::string canonical =
      canonical_request(request.method, vector_uri(request), query, fields, sha256_hex(request.body));
  CHECK(canonical == vector_file(folder / (form + "-canonical-request.txt")));
  const std::string text = string_to_sign(kVectorTime, kVectorScope, canonical);
  CHECK(text == vector_file(folder / (form + "-string-to-sign.txt")));
  CHECK(SigningKey(request.secret_access_key, kVectorScope).sign(text) ==
        vector_file(folder / (form + "-signature.txt")));
}

void check_header_form(const std::filesystem::path& folder, const VectorRequest& request) {
  SignedFields fields(request.fields.begin(), request.fields.end());
  const std::string hash = sha256_hex(request.body);
  fields.emplace("x-amz-date", kVectorTime);
  if (request.sign_body) fields.emplace("x-amz-content-sha256", hash);
  if (!request.token.empty() && request.token_is_signed) fields.emplace("x-amz-security-token", request.token);
  const auto query = canonical_query(request.query, "");
  REQUIRE(query.has_value());
  check_steps(folder, "header", request, fields, *query);
}

void check_query_form(const std::filesystem::path& folder, const VectorRequest& request) {
  const SignedFields fields(request.fields.begin(), request.fields.end());
  const std::string credential = request.access_key_id + "/" + kVectorScope.text();
  const std::string signed_query =
      request.query + "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=" + std::string(kVectorTime) +
      "&X-Amz-Credential=" + percent_encode(credential) + "&X-Amz-Expires=" + std::to_string(request.expires) +
      "&X-Amz-SignedHeaders=" + percent_encode(names_of(fields));
  const auto query = canonical_query(signed_query, request.token_is_signed ? percent_encode(request.token) : "");
  REQUIRE(query.has_value());
  check_steps(folder, "query", request, fields, *query);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// As a guest with worthless keys would send it. Nothing: the proxy does not forward such a head, or not as it is.
std::optional<http::RequestHead> as_from_guest(const std::filesystem::path& folder, const std::string& form,
                                               const VectorRequest& request) {
  if (!request.normalise || !request.token_is_signed) return std::nullopt;
  std::string text = vector_file(folder / (form + "-signed-request.txt"));
  text.erase(text.find("\n\n") + 2);
  replace_all(text, vector_file(folder / (form + "-signature.txt")), std::string(64, '0'));
  replace_all(text, request.access_key_id, "AKIAPLACEHOLDER00000");
  if (!request.token.empty()) {
    replace_all(text, request.token, "placeholder");
    replace_all(text, percent_encode(request.token), "placeholder");
  }
  return testing::head_if_legal(text);
}

bool check_whole(const std::filesystem::path& folder, const VectorRequest& request) {
  const AwsKeys keys{.access_key_id = request.access_key_id,
                     .secret_access_key = request.secret_access_key,
                     .session_token = request.token};
  const auto now = testing::utc(2015, 8, 30, 12, 36);
  auto header = as_from_guest(folder, "header", request);
  auto query = as_from_guest(folder, "query", request);
  CHECK(header.has_value() == query.has_value());
  if (!header || !query) return false;
  testing::sign_again(*header, keys, now, request.body);
  const std::string authorization = "Authorization:" + testing::only(*header, "authorization") + "\n";
  CHECK(vector_file(folder / "header-signed-request.txt").contains(authorization));
  const auto seed = testing::sign_again(*query, keys, now, request.body);
  CHECK(seed.signature == vector_file(folder / "query-signature.txt"));
  CHECK(query->path.query->ends_with("&X-Amz-Signature=" + seed.signature));
  CHECK(query->secret_target);
  CHECK_FALSE(serialise(*query).contains("PLACEHOLDER"));
  return true;
}

}  // namespace

TEST_CASE("the_official_vectors_come_out_the_same_in_both_forms") {
  if (!std::filesystem::is_directory(kVectors)) {
    fmt::print("SKIP: the official vectors of AWS Signature Version 4 are not in {}\n", kVectors.string());
    return;
  }
  int cases = 0;
  int whole = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kVectors)) {
    if (!entry.is_directory()) continue;
    CAPTURE(entry.path());
    const VectorRequest request = read_vector(entry.path());
    check_header_form(entry.path(), request);
    check_query_form(entry.path(), request);
    ++cases;
    if (check_whole(entry.path(), request)) ++whole;
  }
  CHECK(cases == 38);
  CHECK(whole == 26);
}
