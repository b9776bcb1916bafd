#include "policy/test_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "base/text.h"
#include "policy/aws_question.h"
#include "policy/git_call.h"
#include "policy/header_name.h"
#include "policy/path_text.h"

namespace enforcer::policy {
namespace {

constexpr std::string_view kExpectations[] = {"allow", "review", "deny"};
constexpr Action kActions[] = {Action::kAllow, Action::kReview, Action::kDeny};

struct Draft {
  PolicyTest test;
  int questions = 0;
  Place second_question;
  std::optional<std::string_view> aws;  ///< the question's text
  std::string region = "us-east-1";
  std::optional<HostName> host;    ///< of `aws`
  std::vector<FieldFact> headers;  ///< of `request`
};

void ask(Draft& draft, Place place) {
  if (++draft.questions == 2) draft.second_question = place;
}

/// A host or address with a port, into the test.
void take_target(std::string_view text, Place place, PolicyTest& into, Reader& reader) {
  const auto target = Target::parse(text, PortDefault::kEvery);
  if (!target) {
    reader.report(place, target.error().code, target.error().message, target.error().hint);
    return;
  }
  const bool one_place = target->host() ? target->host()->exact() : target->block()->mapped_length() == 128;
  if (!one_place || !target->port) {
    reader.report(place, Code::kBadValue, fmt::format("'{}' is not one host and port", escape_untrusted(text, 128)),
                  "write api.github.com:443");
    return;
  }
  into.port = *target->port;
  if (target->host()) {
    into.host = target->host()->example();  // of an exact pattern: the name itself
  } else {
    into.address = target->block()->network();
  }
}

void read_headers(const YamlNode& node, Draft& draft, Reader& reader) {
  if (!expect_map(node, "headers", reader)) return;
  for (const YamlMember& member : node.members) {
    const auto value = read_text(member.value, "a header's value", reader);
    if (!is_header_name(member.key)) {
      reader.report(member.place, Code::kBadValue,
                    fmt::format("'{}' is not a header name", escape_untrusted(member.key, 128)));
    } else if (value) {
      draft.headers.push_back({canonical_header(member.key), std::string(*value)});
    }
  }
}

void read_host(const YamlNode& node, Draft& draft, Reader& reader) {
  const auto text = read_text(node, "host", reader);
  if (!text) return;
  auto name = HostName::parse(*text);
  if (name) {
    draft.host = *std::move(name);
  } else {
    reader.report(node.place, Code::kBadHost,
                  fmt::format("'{}': {}", escape_untrusted(*text, 128), name.error().message));
  }
}

/// "api.github.com:443" or "[2001:db8::1]:443"
void take_connect(std::string_view text, Place place, PolicyTest& into, Reader& reader) {
  into.text = text;
  take_target(text, place, into, reader);
}

/// "GET https://api.github.com/repos/acme/w"
void take_request(std::string_view text, Place place, PolicyTest& into, Reader& reader) {
  into.text = text;
  const auto space = text.find(' ');
  const std::string_view url = space == std::string_view::npos ? "" : text.substr(space + 1);
  const bool clear = url.starts_with("http://");
  if (space == 0 || (!clear && !url.starts_with("https://"))) {
    reader.report(place, Code::kBadValue, fmt::format("'{}' is not a request", escape_untrusted(text, 128)),
                  "write GET https://api.github.com/repos");
    return;
  }
  RequestFacts& request = into.request.emplace();
  request.transport = clear ? RequestFacts::Transport::kClear : RequestFacts::Transport::kTls;
  request.method = text.substr(0, space);
  std::string_view rest = url.substr(url.find("//") + 2);
  rest = rest.substr(0, rest.find('#'));
  const auto end = rest.find_first_of("/?");
  std::string authority(rest.substr(0, end));
  rest.remove_prefix(std::min(end, rest.size()));
  const auto mark = rest.find('?');
  if (mark != std::string_view::npos) request.query = rest.substr(mark + 1);
  request.path = rest.empty() || mark == 0 ? "/" : rest.substr(0, mark);
  if (!is_normalised_path(request.path)) {
    reader.report(place, Code::kBadValue,
                  fmt::format("'{}' is not a normalised path", escape_untrusted(request.path, 128)),
                  "rules see paths without '//', dot segments and needless escapes");
  }
  const auto colon = authority.rfind(':');
  const auto bracket = authority.rfind(']');
  const bool has_port = colon != std::string::npos && (bracket == std::string::npos || bracket < colon);
  if (!has_port) authority += clear ? ":80" : ":443";
  take_target(authority, place, into, reader);
}

void take_git(std::string_view text, Place place, PolicyTest& into, Reader& reader) {
  into.text = text;
  auto question = git_question(text);
  if (!question) {
    reader.report(place, Code::kBadValue, question.error().message, "write push github.com/acme/w refs/heads/main");
    return;
  }
  into.host = std::move(question->host);
  into.port = kHttpsPort;
  into.request = std::move(question->request);
}

constexpr Field<Draft> kTestFields[] = {
    {"connect", Need::kOptional, shape::text("host:port", ":").like("github.com:443"),
     "Asks about a connection. Where requests decide it is allowed when some request may be.",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       ask(draft, n.place);
       const auto text = read_text(n, "connect", r);
       if (text) take_connect(*text, n.place, draft.test, r);
     }},
    {"request", Need::kOptional, shape::text("METHOD URL", "^[^ ]+ https?://").like("GET https://api.github.com/repos"),
     "Asks about one request.",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       ask(draft, n.place);
       const auto text = read_text(n, "request", r);
       if (text) take_request(*text, n.place, draft.test, r);
     }},
    {"aws", Need::kOptional, shape::text("service:Action", ":").like("cloudformation:DeleteStack"),
     "Asks as a client of AWS would.",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       ask(draft, n.place);
       draft.aws = read_text(n, "aws", r);
     }},
    {"git", Need::kOptional,
     shape::text("fetch or push HOST/OWNER/NAME REF...", "^(fetch|push) ")
         .like("push github.com/acme/w refs/heads/main"),
     "Asks about a fetch, or about a push that updates these refs; `+` before a ref forces it.",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       ask(draft, n.place);
       const auto text = read_text(n, "git", r);
       if (text) take_git(*text, n.place, draft.test, r);
     }},
    {"headers", Need::kOptional, shape::mapping(shape::kAnyScalar, "headers of a request test"),
     "Beside `request`: fields of its head.", read_headers},
    {"region", Need::kOptional, shape::name("region of an aws test").like("eu-central-1"),
     "Beside `aws`. Default us-east-1.",
     [](const YamlNode& n, Draft& draft, Reader& r) { draft.region = read_name(n, "a region", r).value_or(""); }},
    {"host", Need::kOptional, shape::text("host of an aws test"),
     "Beside `aws`: the host that is asked, instead of SERVICE.REGION.amazonaws.com.", read_host},
    {"expect", Need::kRequired, shape::choice(kExpectations), "The answer that is promised.",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       if (const auto choice = read_choice(n, kExpectations, r)) draft.test.expect = kActions[*choice];
     }},
    {"rule", Need::kOptional, shape::text("rule or policy/rule"), "The rule that must be the one that decides.",
     [](const YamlNode& n, Draft& draft, Reader& r) { draft.test.rule = read_text(n, "rule", r).value_or(""); }},
};

/// The request that an AWS client would send.
void take_aws(Draft& draft, Reader& reader) {
  PolicyTest& test = draft.test;
  test.text = *draft.aws;
  auto question = aws_question(test.text, draft.region, draft.host);
  if (!question) {
    reader.report(test.place, Code::kBadValue, question.error().message, "write cloudformation:DeleteStack");
    return;
  }
  test.host = std::move(question->host);
  test.port = kHttpsPort;
  test.request = std::move(question->request);
}

/// What qualifies one form of question stands beside that form only.
void check_qualifiers(const YamlNode& item, Reader& reader) {
  static constexpr std::pair<std::string_view, std::string_view> kBelongs[] = {
      {"headers", "request"}, {"region", "aws"}, {"host", "aws"}};
  for (const YamlMember& member : item.members) {
    const auto* const belongs =
        std::ranges::find(kBelongs, member.key, &std::pair<std::string_view, std::string_view>::first);
    if (belongs == std::end(kBelongs)) continue;
    if (std::ranges::find(item.members, belongs->second, &YamlMember::key) != item.members.end()) continue;
    reader.report(member.place, Code::kConflict,
                  fmt::format("'{}' belongs to a test that asks '{}'", member.key, belongs->second));
  }
}

}  // namespace

std::vector<FieldShape> test_fields() {
  return fields_of<kTestFields>();
}

void read_tests(const YamlNode& node, PolicyDocument& document, Reader& reader) {
  for (const YamlNode& item : list_items(node, "tests", reader)) {
    Draft draft;
    draft.test.place = item.place;
    if (!read_object<Draft>(item, "test", kTestFields, draft, reader)) continue;
    check_qualifiers(item, reader);
    if (draft.aws) take_aws(draft, reader);
    if (draft.test.request) {
      // As the proxy sees it: an opening handshake is a kind of request, not a field.
      const auto opens = [](const FieldFact& field) {
        return field.name == "upgrade" &&
               std::ranges::equal(field.value, std::string_view("websocket"), {}, ascii::lower);
      };
      draft.test.request->websocket = std::erase_if(draft.headers, opens) > 0;
      std::ranges::move(draft.headers, std::back_inserter(draft.test.request->fields));
    }
    if (draft.questions == 0) {
      report_missing_key(item.place, "connect", "or request, aws or git", "test", reader);
    } else if (draft.questions > 1) {
      reader.report(draft.second_question, Code::kConflict, "a test asks one question: connect, request, aws or git");
    } else {
      document.tests.push_back(std::move(draft.test));
    }
  }
}

}  // namespace enforcer::policy
