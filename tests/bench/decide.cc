// bench_decide RULES: what one decision costs with so many rules, and what it costs to get there; a JSON line.
//
// Half of the rules name a host exactly, the other half everything below a host, each in Policies as large as a file
// may be. Asked are the questions of a ClientHello, for names all over the rules in an order that no cache foresees:
//
//   exact     a name that one rule spells out
//   wildcard  a name that only the wildcard of one rule matches, found behind every exact name
//   miss      a name that no rule matches, although it is as long as those that are matched, and ends as they do
//
// Every answer is checked, by its rule: a wrong one ends the program with status 1.
#include "policy/decide.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "policy/loader.h"

namespace {

using enforcer::GuestName;
using enforcer::HostName;
using enforcer::Monotonic;
using enforcer::Port;
using namespace enforcer::policy;

constexpr std::size_t kRulesOfPolicy = 10'000;  // some 600 KB of text: a file may have 1 MiB
constexpr std::size_t kNames = 4096;            // of each kind
constexpr std::size_t kRounds = 20;             // the best one counts: the machine may be doing other things

struct Question {
  Facts facts;
  std::string rule;  ///< that must say so; empty: none, a denial
};

std::string rule_name(std::size_t number) {
  return fmt::format("r{}", number);
}

/// What rule `number` allows: an exact name if it is even, else everything below one.
std::string host_of(std::size_t number) {
  return fmt::format("h{}.zone{}.bench.test", number, number % 100);
}

std::vector<SourceText> sources(std::size_t rules) {
  std::vector<SourceText> all;
  for (std::size_t first = 0; first < rules; first += kRulesOfPolicy) {
    std::string text = fmt::format(
        "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: p{}}}\n"
        "spec:\n  guests: {{matchLabels: {{role: agent}}}}\n  allow:\n",
        first);
    for (std::size_t i = first; i < std::min(rules, first + kRulesOfPolicy); ++i) {
      text += fmt::format("    - {{name: {}, to: [\"{}{}\"]}}\n", rule_name(i), i % 2 == 0 ? "" : "**.", host_of(i));
    }
    all.push_back({.name = fmt::format("p{}.yaml", first), .text = std::move(text)});
  }
  return all;
}

Question question(const std::string& name, std::string rule) {
  Question made{.facts = {}, .rule = std::move(rule)};
  made.facts.layer = Layer::kTls;
  made.facts.host = *HostName::parse(name);
  made.facts.port = Port{443};
  return made;
}

/// Rules of this parity, all over the list, the last one among them.
std::vector<std::size_t> rules_of_parity(std::size_t rules, std::size_t parity) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::size_t> pairs(0, rules / 2 - 1);
  std::vector<std::size_t> chosen{rules - 2 + parity};
  while (chosen.size() < kNames) chosen.push_back(2 * pairs(random) + parity);
  return chosen;
}

bool right(const GuestPolicy& policy, const Question& question) {
  const Decision decision = decide(policy, question.facts);
  return decision.allowed() == !question.rule.empty() && (decision.rule ? decision.rule->rule : "") == question.rule;
}

double nanoseconds(const GuestPolicy& policy, const std::vector<Question>& questions) {
  for (const Question& question : questions) {
    if (right(policy, question)) continue;
    fmt::print(stderr, "bench_decide: a wrong decision about {}\n", question.facts.host->text());
    std::exit(1);
  }
  auto best = std::chrono::nanoseconds::max();
  for (std::size_t round = 0; round < kRounds; ++round) {
    std::size_t allowed = 0;
    const auto begun = Monotonic::now();
    for (const Question& question : questions) allowed += decide(policy, question.facts).allowed() ? 1 : 0;
    best = std::min<std::chrono::nanoseconds>(best, Monotonic::now() - begun);
    if (allowed != (questions[0].rule.empty() ? 0 : questions.size())) std::exit(1);
  }
  return static_cast<double>(best.count()) / static_cast<double>(questions.size());
}

double milliseconds_since(Monotonic::time_point begun) {
  return std::chrono::duration<double, std::milli>(Monotonic::now() - begun).count();
}

/// The most memory that the process ever had.
double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t rules = argc == 2 ? std::strtoull(argv[1], nullptr, 10) / 2 * 2 : 0;
  if (rules == 0) {
    fmt::print(stderr, "usage: bench_decide RULES\n");
    return 2;
  }
  const std::vector<SourceText> texts = sources(rules);
  const double before = peak_mib();
  auto begun = Monotonic::now();
  const LoadOutcome outcome = load(texts, 1);
  if (!outcome.snapshot) {
    fmt::print(stderr, "bench_decide: {}\n", outcome.diagnostics.front().to_string());
    return 1;
  }
  const double load_ms = milliseconds_since(begun);
  begun = Monotonic::now();
  const auto policy = outcome.snapshot->for_guest(*GuestName::parse("g1"), {{"role", "agent"}});
  const double compile_ms = milliseconds_since(begun);
  const double peak = peak_mib() - before;

  std::vector<Question> exact;
  std::vector<Question> wildcard;
  std::vector<Question> miss;
  for (const std::size_t i : rules_of_parity(rules, 0)) exact.push_back(question(host_of(i), rule_name(i)));
  for (const std::size_t i : rules_of_parity(rules, 1)) {
    wildcard.push_back(question("a.b." + host_of(i), rule_name(i)));
    miss.push_back(question("a.b." + host_of(i - 1), ""));
  }
  fmt::print(
      "{{\"rules\":{},\"exact_ns\":{:.0f},\"wildcard_ns\":{:.0f},\"miss_ns\":{:.0f},"
      "\"load_ms\":{:.1f},\"compile_ms\":{:.1f},\"peak_mib\":{:.1f}}}\n",
      rules, nanoseconds(*policy, exact), nanoseconds(*policy, wildcard), nanoseconds(*policy, miss), load_ms,
      compile_ms, peak);
}
