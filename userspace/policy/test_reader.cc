#include "policy/test_reader.h"

#include <fmt/format.h>

#include "base/text.h"

namespace enforcer::policy {
namespace {

constexpr std::string_view kExpectations[] = {"allow", "review", "deny"};
constexpr Action kActions[] = {Action::kAllow, Action::kReview, Action::kDeny};

struct Draft {
  PolicyTest test;
  int questions = 0;
  Place second_question;
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

constexpr Field<Draft> kTestFields[] = {
    {"connect", Need::kOptional, "host:port",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       ask(draft, n.place);
       const auto text = read_text(n, "connect", r);
       if (text) parse_connect(*text, n.place, draft.test, r);
     }},
    {"request", Need::kOptional, "METHOD URL",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       ask(draft, n.place);
       const auto text = read_text(n, "request", r);
       if (text) parse_request(*text, n.place, draft.test, r);
     }},
    {"aws", Need::kOptional, "service:Action",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       ask(draft, n.place);
       draft.test.text = read_text(n, "aws", r).value_or("");
     }},
    {"region", Need::kOptional, "region of an aws test",
     [](const YamlNode& n, Draft&, Reader& r) { (void)read_text(n, "region", r); }},
    {"expect", Need::kRequired, "allow, review or deny",
     [](const YamlNode& n, Draft& draft, Reader& r) {
       if (const auto choice = read_choice(n, kExpectations, r)) draft.test.expect = kActions[*choice];
     }},
    {"rule", Need::kOptional, "rule or policy/rule",
     [](const YamlNode& n, Draft& draft, Reader& r) { draft.test.rule = read_text(n, "rule", r).value_or(""); }},
};

}  // namespace

void parse_connect(std::string_view text, Place place, PolicyTest& into, Reader& reader) {
  into.form = PolicyTest::Form::kConnect;
  into.text = text;
  take_target(text, place, into, reader);
}

void parse_request(std::string_view text, Place place, PolicyTest& into, Reader& reader) {
  into.form = PolicyTest::Form::kRequest;
  into.text = text;
  const auto space = text.find(' ');
  const std::string_view url = space == std::string_view::npos ? "" : text.substr(space + 1);
  into.clear = url.starts_with("http://");
  if (space == 0 || (!into.clear && !url.starts_with("https://"))) {
    reader.report(place, Code::kBadValue, fmt::format("'{}' is not a request", escape_untrusted(text, 128)),
                  "write GET https://api.github.com/repos");
    return;
  }
  into.method = text.substr(0, space);
  const std::string_view rest = url.substr(url.find("//") + 2);
  const auto slash = rest.find_first_of("/?#");
  into.path = slash == std::string_view::npos ? "/" : rest.substr(slash);
  std::string authority(rest.substr(0, slash));
  const auto colon = authority.rfind(':');
  const auto bracket = authority.rfind(']');
  const bool has_port = colon != std::string::npos && (bracket == std::string::npos || bracket < colon);
  if (!has_port) authority += into.clear ? ":80" : ":443";
  take_target(authority, place, into, reader);
}

void read_tests(const YamlNode& node, PolicyDocument& document, Reader& reader) {
  for (const YamlNode& item : list_items(node, "tests", reader)) {
    Draft draft;
    draft.test.place = item.place;
    if (!read_object<Draft>(item, "test", kTestFields, draft, reader)) continue;
    if (draft.questions == 0) {
      report_missing_key(item.place, "connect", "or request, or aws", "test", reader);
    } else if (draft.questions > 1) {
      reader.report(draft.second_question, Code::kConflict, "a test asks one question: connect, request or aws");
    } else {
      document.tests.push_back(std::move(draft.test));
    }
  }
}

}  // namespace enforcer::policy
