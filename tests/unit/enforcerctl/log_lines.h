// Lines of an audit log as the daemon writes them, and what is read back from them.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "audit/json_text.h"
#include "base/deadline.h"
#include "enforcerctl/history.h"
#include "policy/loader.h"

namespace enforcer::ctl::testing {

inline constexpr WallClock::time_point kLogRead{std::chrono::seconds(1'770'000'000)};  ///< 2026-02-02

/// A decision about guest g1 (labels role=agent). `more`: what follows behind "generation", with its comma.
inline std::string decision_line(std::string_view layer, std::string_view decision, std::string_view reason,
                                 std::string_view more, std::string_view id = "01jk0000000000000000000001") {
  return fmt::format(
      R"({{"schema_version":1,"seq":3,"time":"2026-01-31T12:00:00.123456Z","type":"decision","decision_id":"{}",)"
      R"("guest":"g1","epoch":"00000000000000aa","labels":{{"role":"agent"}},"layer":"{}","decision":"{}","reason":"{}",)"
      R"("policy":"p","rule":"r","place":"p.yaml:3","generation":1{}}})",
      id, layer, decision, reason, more);
}

/// ,"host":…,"port":…
inline std::string at(std::string_view host, int port) {
  std::string text;
  audit::append_text_field(text, "host", host);
  return text + fmt::format(R"(,"destination":"198.18.0.1","port":{})", port);
}

/// An allowed connection whose TLS passed through.
inline std::string passed(std::string_view host, int port = 443) {
  return decision_line("tls", "allow", "rule", at(host, port));
}

/// An allowed request; `path` with its query, as records have it.
inline std::string requested(std::string_view host, std::string_view method, std::string_view path,
                             std::string_view more = "", int port = 443) {
  std::string text = at(host, port);
  audit::append_text_field(text, "method", method);
  audit::append_text_field(text, "path", path);
  return decision_line("http", "allow", "rule", text + std::string(more));
}

inline std::string ended(std::string_view dialled, std::string_view id = "01jk0000000000000000000001") {
  return fmt::format(
      R"({{"schema_version":1,"seq":4,"time":"2026-01-31T12:00:01.123456Z","type":"end","decision_id":"{}",)"
      R"("guest":"g1","layer":"tls","host":"a.test","port":443,"dialled_ip":"{}","outcome":"completed"}})",
      id, dialled);
}

inline History history_of(const std::vector<std::string>& lines) {
  History history("g1", {});
  for (const std::string& line : lines) REQUIRE(history.add(line));
  return history;
}

/// A policy for role=agent.
inline std::shared_ptr<const policy::Snapshot> agent_rules(std::string_view spec) {
  const policy::SourceText source{
      .name = "p.yaml",
      .text = fmt::format("apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: new}}\nspec: {{guests: "
                          "{{matchLabels: {{role: agent}}}}, {}}}\n",
                          spec)};
  const auto outcome = policy::load({&source, 1}, 1);
  std::string problems;
  for (const auto& diagnostic : outcome.diagnostics) problems += diagnostic.to_string() + "\n";
  REQUIRE_MESSAGE(outcome.snapshot, problems);
  return outcome.snapshot;
}

}  // namespace enforcer::ctl::testing
