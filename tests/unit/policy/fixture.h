// What the policy tests share: texts to guest policies, and facts in one line.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "policy/decide.h"
#include "policy/loader.h"

namespace enforcer::policy::test {

/// The diagnostics of one text, one per line.
std::string problems(const std::string& text, const std::string& file = "p.yaml");

/// Loads; the test fails with the diagnostics when that is not possible.
std::shared_ptr<const Snapshot> must_load(const std::vector<std::string>& texts);

/// The policy of a guest that has the label role=agent.
std::shared_ptr<const GuestPolicy> agent_policy(const std::vector<std::string>& texts);

/// A Policy `p` that selects role=agent and whose spec holds `spec` (YAML flow style, without the braces).
std::string policy_with(const std::string& spec, const std::string& name = "p");
std::string guardrail_with(const std::string& spec, const std::string& name = "g");

/// A Credential that may go to `to` (YAML flow style, without the brackets) as a bearer token.
std::string credential(const std::string& name, const std::string& to);

/// 2026-01-01T00:00:00Z, the time of all facts here.
WallClock::time_point test_time();

/// "dns a.b", "l4 a.b:443", "tls a.b:443", "ech a.b:443", "http a.b:80", "https a.b:443", "l4 192.0.2.1:443". Behind
/// the last two a request may follow: "https a.b:443 POST /x?y=z|name: value|name: value"; "ws" and "wss" instead ask
/// for a WebSocket. What it asks of AWS is read from it, with `form` for its body.
Facts facts(const std::string& question, std::string_view form = "");

/// "allow opaque p/rule", "allow classify …", "allow p/rule" (kNone), "allow passthrough p/rule with bot" (a
/// credential; "and cookies" where the answer may set some), "deny dst_private", "deny rule g/closed"; in audit mode
/// "allow passthrough audit_mode p/audit-mode would deny name".
std::string answer(const Decision& decision);
std::string answer(const GuestPolicy& policy, const std::string& question);

struct Row {
  const char* question;
  const char* answer;
};
/// Each question has this answer.
void check(const GuestPolicy& policy, std::initializer_list<Row> rows);

}  // namespace enforcer::policy::test
