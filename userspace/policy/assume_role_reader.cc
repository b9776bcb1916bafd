// What AWS would refuse is refused here, where it has a place: STS says only that a validation failed, and says it when
// the first guest asks (AWS Security Token Service API Reference, AssumeRole).
#include "policy/assume_role_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/text.h"
#include "policy/aws_scope.h"
#include "policy/credential_text.h"

namespace enforcer::policy {
namespace {

constexpr std::size_t kLongestArn = 2048;
constexpr std::size_t kLongestTemplate = 256;
constexpr std::size_t kLongestTagKey = 128;
constexpr std::size_t kMostTags = 50;
constexpr std::size_t kLongestSessionPolicy = 2048;

struct RoleDraft {
  std::optional<HttpsUrl> sts;
  std::string region;
  std::string role;
  std::string session_name = "{guest}";
  std::vector<std::pair<std::string, std::string>> tags;
  std::string session_policy;
  std::chrono::seconds duration{3600};
};

/// "arn:aws:iam::123456789012:role/path/name".
bool is_role(std::string_view text) {
  if (text.size() > kLongestArn) return false;
  std::array<std::string_view, 6> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto colon = text.find(':');
    if ((colon == std::string_view::npos) != (i + 1 == parts.size())) return false;
    parts[i] = text.substr(0, colon);
    text.remove_prefix(colon == std::string_view::npos ? text.size() : colon + 1);
  }
  const auto& [arn, partition, service, region, account, resource] = parts;
  const auto in_partition = [](char c) { return ascii::is_lower(c) || c == '-'; };
  const auto in_name = [](char c) { return ascii::is_alphanumeric(c) || std::string_view("+=,.@_/-").contains(c); };
  return arn == "arn" && partition.starts_with("aws") && std::ranges::all_of(partition, in_partition) &&
         service == "iam" && region.empty() && account.size() == 12 && std::ranges::all_of(account, ascii::is_digit) &&
         resource.starts_with("role/") && resource.size() > 5 && !resource.ends_with('/') &&
         std::ranges::all_of(resource, in_name);
}

void read_role(const YamlNode& node, RoleDraft& draft, Reader& reader) {
  const auto text = read_text(node, "role", reader);
  if (!text) return;
  if (is_role(*text)) {
    draft.role = *text;
  } else {
    report_value(node.place, *text, "is not the ARN of a role", "write arn:aws:iam::123456789012:role/NAME", reader);
  }
}

void read_region(const YamlNode& node, RoleDraft& draft, Reader& reader) {
  const auto text = read_text(node, "region", reader);
  if (!text) return;
  if (is_aws_word(*text)) {
    draft.region = *text;
  } else {
    report_value(node.place, *text, "is not a region of AWS", "write eu-central-1", reader);
  }
}

bool is_expansion(std::string_view word) {
  constexpr std::string_view kLabel = "label:";
  return word == "guest" || word == "epoch" || (word.starts_with(kLabel) && word.size() > kLabel.size());
}

/// What stands between braces is replaced, and a mistake there would be sent as it is: with every guest's own.
bool check_expansions(Place place, std::string_view text, Reader& reader) {
  const auto wrong = [&](std::string_view what) {
    reader.report(place, Code::kBadExpansion, fmt::format("'{}' stands for nothing", escape_untrusted(what, 64)),
                  "{guest}, {epoch} and {label:NAME} are replaced");
    return false;
  };
  while (true) {
    const auto open = text.find_first_of("{}");
    if (open == std::string_view::npos) return true;
    const auto close = text.find_first_of("{}", open + 1);
    if (text[open] == '}') return wrong("}");
    if (close == std::string_view::npos || text[close] == '{') return wrong(text.substr(open, close - open));
    if (!is_expansion(text.substr(open + 1, close - open - 1))) return wrong(text.substr(open, close - open + 1));
    text.remove_prefix(close + 1);
  }
}

struct Alphabet {
  std::string_view others;
  std::string_view words;
};
constexpr Alphabet kInSession{AssumeRoleExchange::kInSessionName, "letters, digits and _+=,.@-"};
constexpr Alphabet kInTag{AssumeRoleExchange::kInTagValue, "letters, digits, blanks and _.:/=+-@"};

bool consists_of(std::string_view text, const Alphabet& alphabet) {
  return std::ranges::all_of(text, [&](char c) { return ascii::is_alphanumeric(c) || alphabet.others.contains(c); });
}

std::optional<std::string> read_template(const YamlNode& node, std::string_view what, const Alphabet& alphabet,
                                         Reader& reader) {
  const auto text = read_text(node, what, reader);
  if (!text || !check_expansions(node.place, *text, reader)) return std::nullopt;
  // A label's name may hold anything; it does not go to AWS.
  std::string sent;
  bool inside = false;
  for (const char c : *text) {
    if (c == '{') inside = true;
    if (!inside) sent += c;
    if (c == '}') inside = false;
  }
  if (consists_of(sent, alphabet) && text->size() <= kLongestTemplate) return std::string(*text);
  report_value(node.place, *text, fmt::format("cannot be {}", what),
               fmt::format("at most {} {}", kLongestTemplate, alphabet.words), reader);
  return std::nullopt;
}

void read_session_name(const YamlNode& node, RoleDraft& draft, Reader& reader) {
  auto text = read_template(node, "the name of a session", kInSession, reader);
  if (!text) return;
  if (text->size() < 2) {
    return report_value(node.place, *text, "cannot be the name of a session", "at least 2 characters", reader);
  }
  draft.session_name = *std::move(text);
}

void read_tags(const YamlNode& node, RoleDraft& draft, Reader& reader) {
  if (!expect_map(node, "tags", reader)) return;
  if (node.members.empty()) reader.report(node.place, Code::kEmpty, "tags must not be empty");
  if (node.members.size() > kMostTags) {
    reader.report(node.members[kMostTags].place, Code::kBadValue,
                  fmt::format("a session has at most {} tags", kMostTags));
  }
  for (const YamlMember& member : node.members) {
    auto value = read_template(member.value, "the value of a tag", kInTag, reader);
    const bool valid = !member.key.empty() && member.key.size() <= kLongestTagKey && consists_of(member.key, kInTag) &&
                       !member.key.starts_with("aws:");
    if (!valid) {
      report_value(member.place, member.key, "cannot be the key of a tag",
                   fmt::format("1-{} {}, not beginning with aws:", kLongestTagKey, kInTag.words), reader);
    } else if (value) {
      draft.tags.emplace_back(member.key, *std::move(value));
    }
  }
}

void read_session_policy(const YamlNode& node, RoleDraft& draft, Reader& reader) {
  const auto text = read_text(node, "policy", reader);
  if (!text) return;
  if (text->size() > kLongestSessionPolicy) {
    reader.report(node.place, Code::kBadValue,
                  fmt::format("a session's policy has at most {} characters", kLongestSessionPolicy));
  } else if (nlohmann::json::parse(*text, nullptr, false).is_object()) {
    draft.session_policy = *text;
  } else {
    reader.report(node.place, Code::kBadValue, "a session's policy is a JSON object, and this is none");
  }
}

void read_session_duration(const YamlNode& node, RoleDraft& draft, Reader& reader) {
  using namespace std::chrono_literals;
  const auto duration = read_duration(node, reader);
  if (!duration) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  if (*duration < 15min || *duration > 12h || seconds != *duration) {
    return report_value(node.place, node.text, "is not a duration of a session", "from 15m to 12h", reader);
  }
  draft.duration = seconds;
}

constexpr Shape kRoleArn = shape::text("ARN of a role", "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.*[^/]$")
                               .like("arn:aws:iam::123456789012:role/NAME");
constexpr Shape kTagValue = shape::scalar("text");

constexpr Field<RoleDraft> kRoleFields[] = {
    {"role", Need::kRequired, kRoleArn, "The role that is assumed.", read_role},
    {"region", Need::kRequired, shape::text("region", "^[a-z0-9-]+$").like("eu-central-1"), "Whose STS is asked.",
     read_region},
    {"sts", Need::kOptional, shape::kHttpsUrl, "Another STS than the region's.",
     [](const YamlNode& n, RoleDraft& draft, Reader& r) { draft.sts = read_https_url(n, "sts", r); }},
    {"sessionName", Need::kOptional, shape::text(),
     "`{guest}`, `{epoch}` and `{label:NAME}` stand for the guest's. Default `{guest}`.", read_session_name},
    {"tags", Need::kOptional, shape::some_mapping(kTagValue, "mapping of key to value"),
     "Tags of the session; values may have `{guest}`, `{epoch}` and `{label:NAME}`.", read_tags},
    {"policy", Need::kOptional, shape::text("JSON"), "Limits the session further: a policy of IAM.",
     read_session_policy},
    {"duration", Need::kOptional, shape::duration(), "How long its keys work, 15m to 12h. Default 1h.",
     read_session_duration},
};

std::optional<HttpsUrl> default_sts(std::string_view region) {
  const std::string_view domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  auto url = HttpsUrl::parse(fmt::format("https://sts.{}.{}", region, domain));
  return url ? std::optional(*std::move(url)) : std::nullopt;
}

}  // namespace

std::vector<FieldShape> assume_role_fields() {
  return fields_of<kRoleFields>();
}

std::optional<AssumeRoleExchange> read_assume_role(const YamlNode& node, Reader& reader) {
  RoleDraft draft;
  if (!read_object<RoleDraft>(node, "assumeRole", kRoleFields, draft, reader)) return std::nullopt;
  // A role of one partition cannot be assumed by the other's STS.
  if (draft.role.starts_with("arn:aws-cn:") != draft.region.starts_with("cn-")) {
    reader.report(node.place, Code::kBadValue,
                  fmt::format("'{}' is not a region of the role's partition", draft.region),
                  "arn:aws-cn: goes with cn-north-1 and cn-northwest-1");
    return std::nullopt;
  }
  auto sts = draft.sts ? std::move(draft.sts) : default_sts(draft.region);
  if (!sts) return std::nullopt;
  return AssumeRoleExchange{.sts = *std::move(sts),
                            .region = std::move(draft.region),
                            .role = std::move(draft.role),
                            .session_name = std::move(draft.session_name),
                            .tags = std::move(draft.tags),
                            .session_policy = std::move(draft.session_policy),
                            .duration = draft.duration};
}

}  // namespace enforcer::policy
