// What a request asks of AWS, read from its method, path, query, fields and form. The input is lines: host, method,
// path, query, fields as "name: value" up to an empty line, then the form.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/ascii.h"
#include "base/bytes.h"
#include "policy/action.h"
#include "policy/aws_call.h"

using namespace enforcer;
using namespace enforcer::policy;

namespace {

std::string_view next_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool is_action(const std::string& text) {
  return text.size() <= 128 && ascii::is_upper(text.front()) && std::ranges::all_of(text, ascii::is_alphanumeric);
}

/// What is known is something that a rule could name; of an unknown service nothing is known.
void check(const AwsCall& call) {
  if (!call.action.empty() && (call.service.empty() || !is_action(call.action))) std::abort();
  if (call.action.empty() && !call.also.empty()) std::abort();
  if (!std::ranges::all_of(call.also, [](const std::string& one) { return !one.empty() && is_action(one); }))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = as_text(Bytes(data, size));
  auto host = HostName::parse(next_line(text));
  if (!host) return 0;
  RequestFacts request{.transport = RequestFacts::Transport::kTls};
  request.method = next_line(text);
  request.path = "/" + std::string(next_line(text));
  if (const auto query = next_line(text); !query.empty()) request.query = query;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.empty()) break;
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    request.fields.push_back({std::string(line.substr(0, colon)), std::string(line.substr(colon + 2))});
  }
  Facts facts{.layer = Layer::kHttp, .host = *host, .port = kHttpsPort};
  const std::string_view form = aws_call_in_body(request) ? text : std::string_view();
  facts.request = std::make_shared<RequestFacts>(request);
  const AwsCall call = read_aws_call(facts, form);
  check(call);
  if (read_aws_call(facts, form) != call) std::abort();
  add_aws_call(facts, form);
  if (named_action(*facts.request).size() > kLongestActionText) std::abort();
  // Saying something else beside it never makes another action out of it: the same, or none that can be told.
  RequestFacts more = request;
  more.fields.push_back({"x-amz-target", "Other_20250101.DescribeNothing"});
  facts.request = std::make_shared<RequestFacts>(more);
  const AwsCall other = read_aws_call(facts, form);
  check(other);
  const bool told_twice = !other.action.empty() && !call.action.empty() && other.action != call.action;
  if (told_twice) std::abort();
  return 0;
}
