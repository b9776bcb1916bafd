#include "pages/metric_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "metrics/exposition.h"
#include "policy/facts.h"

namespace enforcer::pages {
namespace {

constexpr std::string_view kMetricsIntroduction =
    "# Metrics\n\n"
    "What `enforcerd` serves at `/metrics` on `metrics.listen` ([reference.md](reference.md)), in the text format of "
    "Prometheus. How to scrape it, the dashboards and the alerts: "
    "[README.md](README.md#metrics-dashboards-alerts); recording rules are in "
    "[prometheus/](prometheus/enforcer.rules.yml).\n\n"
    "Nothing that a guest or an origin says is a label. Times are in seconds. A histogram has `_bucket` (with `le`, "
    "the upper "
    "bound), `_sum` and `_count`. A guest that is gone keeps its series for ten minutes; guests that `enforcerctl run` "
    "named by "
    "itself share `guest=\"run\"`.\n\n"
    "Generated from the code that makes the exposition: `cmake --build build/asan --target write_pages`.\n";

bool takes_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::string_view take_word(std::string_view& text) {
  const auto end = text.find(' ');
  const auto word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

MetricFamily& family_named(std::vector<MetricFamily>& families, std::string_view name) {
  const auto found = std::ranges::find(families, name, &MetricFamily::name);
  if (found != families.end()) return *found;
  return families.emplace_back(MetricFamily{std::string(name), {}, {}, {}});
}

/// A histogram's samples have names of their own, and their family stands before them.
std::string_view family_name(const std::vector<MetricFamily>& families, std::string_view sample) {
  for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
    if (!sample.ends_with(part)) continue;
    const auto whole = sample.substr(0, sample.size() - part.size());
    const auto found = std::ranges::find(families, whole, &MetricFamily::name);
    if (found != families.end() && found->type == "histogram") return whole;
  }
  return sample;
}

/// `name{label="value",other="value"} 1`, of values without quotes and backslashes.
void add_labels(std::vector<MetricFamily>& families, std::string_view sample) {
  const auto brace = sample.find('{');
  if (brace == std::string_view::npos) return;
  auto& labels = family_named(families, family_name(families, sample.substr(0, brace))).labels;
  std::string_view rest = sample.substr(brace + 1);
  while (true) {
    const auto equals = rest.find("=\"");
    if (equals == std::string_view::npos) return;
    const auto label = rest.substr(0, equals);
    if (label != "le" && std::ranges::find(labels, label) == labels.end()) labels.emplace_back(label);
    rest.remove_prefix(equals + 2);
    rest.remove_prefix(std::min(rest.size(), rest.find('"') + 2));
  }
}

template <class Enum>
std::string words_of(std::size_t count) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < count; ++i) words.push_back(label(static_cast<Enum>(i)));
  return fmt::format("`{}`", fmt::join(words, "`, `"));
}

std::string verdicts() {
  std::vector<std::string_view> words{
#define X(name, label, text) label,
      ENFORCER_VERDICTS(X)
#undef X
  };
  return fmt::format("`{}`", fmt::join(words, "`, `"));
}

std::string code_list(const std::vector<std::string>& words) {
  return words.empty() ? "-" : fmt::format("`{}`", fmt::join(words, "`, `"));
}

}  // namespace

std::vector<MetricFamily> families_of(const std::string& exposition) {
  std::vector<MetricFamily> families;
  std::string_view rest = exposition;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (takes_prefix(line, "# HELP ")) {
      auto& family = family_named(families, take_word(line));
      family.help = line;
    } else if (takes_prefix(line, "# TYPE ")) {
      auto& family = family_named(families, take_word(line));
      family.type = line;
    } else if (!line.empty()) {
      add_labels(families, line);
    }
  }
  std::ranges::sort(families, {}, &MetricFamily::name);
  return families;
}

std::string every_family() {
  metrics::Exposition exposition("0", 1);
  const auto series = exposition.guest_attached(Slot{1}, *GuestName::parse("g"));
  exposition.set_credentials({"c"});
  const policy::RuleInfo rule{
      .policy = "p", .rule = "r", .place = "p.yaml:1", .action = policy::Action::kDeny, .note = ""};
  metrics::WorkerMetrics worker;
  worker.decision(series, policy::Layer::kTls, {.reason = policy::Reason::kRule, .rule = &rule, .would = {}});
  metrics::Gauges gauges;
  gauges.maps = {{"guests", 1, 1}};
  gauges.credential_ends = {{"c", {}}};
  const metrics::WorkerCounts counts = worker.snapshot();
  return exposition.render({&counts, 1}, gauges);
}

std::vector<LabelWords> label_words() {
  using namespace metrics;
  return {
      {"action", {}, "the list that the rule stands in: " + words_of<policy::Action>(kActionCount)},
      {"code", {}, "a status code; `other` for those that are rarely seen"},
      {"component", {}, "`enforcerd`, `hostd`, `datapath`"},
      {"credential",
       {},
       "the name of a loaded credential; `other` beyond 1,024 names and for those that are loaded no more"},
      {"decision", {}, words_of<policy::Action>(kActionCount)},
      {"direction", {}, words_of<Direction>(kDirectionCount)},
      {"guest", {}, "its name; empty for frames that are nobody's"},
      {"layer", {}, words_of<policy::Layer>(kLayerCount)},
      {"map", {}, "`guests`, `counters`"},
      {"outcome", {}, words_of<ReviewOutcome>(kReviewOutcomeCount)},
      {"policy", {}, "the policy or guardrail of the rule; empty where no rule decided"},
      {"protocol", {}, words_of<Protocol>(kProtocolCount)},
      {"rcode", {}, "the answer's code in small letters (`noerror`, `nxdomain`, `servfail`, …), or its number"},
      {"reason", {"decisions_total", "denied_total"}, "[the reasons](../userspace/reasons.md)"},
      {"reason", {"datapath_drops_total"}, "[the drop reasons](../bpf/README.md#drop-reasons)"},
      {"reason", {"origin_errors_total"}, words_of<OriginError>(kOriginErrorCount)},
      {"result", {"connections_total"}, words_of<ConnectionResult>(kConnectionResultCount)},
      {"result", {"credential_injections_total"}, words_of<InjectionResult>(kInjectionResultCount)},
      {"rule", {}, "its name; empty where no rule decided, `other` beyond `metrics.perGuestSeries` of a guest"},
      {"side", {}, "whom the handshake was with: " + words_of<TlsSide>(kTlsSideCount)},
      {"stage", {}, words_of<Stage>(kStageCount)},
      {"state", {}, "`booting`, `running`, `paused`"},
      {"verdict", {}, "[what became of a frame](../bpf/README.md#verdicts): " + verdicts()},
      {"version", {}, "of `enforcerd`"},
  };
}

std::string metric_page() {
  std::string out(kMetricsIntroduction);
  out += "\n## Families\n\n| metric | type | labels | says |\n| --- | --- | --- | --- |\n";
  for (const MetricFamily& family : families_of(every_family())) {
    out += fmt::format("| `{}` | {} | {} | {} |\n", family.name, family.type, code_list(family.labels), family.help);
  }
  out += "\n## Labels\n\n| label | of | values |\n| --- | --- | --- |\n";
  for (const LabelWords& words : label_words()) {
    const std::string of = words.families.empty() ? "all" : fmt::format("`{}`", fmt::join(words.families, "`, `"));
    out += fmt::format("| `{}` | {} | {} |\n", words.label, of, words.values);
  }
  return out;
}

}  // namespace enforcer::pages
