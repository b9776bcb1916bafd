// bpf/README.md explains every drop reason and every verdict, in the words of abi.h.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "abi.h"
#include "packet.h"

namespace {

struct Row {
  const char* label;
  const char* text;
};

constexpr std::array kReasons{
#define X(name, label, text) Row{label, text},
    ENFORCER_DROP_REASONS(X)
#undef X
};
constexpr std::array kVerdicts{
#define X(name, label, text) Row{label, text},
    ENFORCER_VERDICTS(X)
#undef X
};

// The rows "| `label` | text |" between the heading and the next one.
std::vector<std::string> rows_under(const std::string& heading) {
  std::ifstream file(ENFORCER_BPF_README);
  REQUIRE(file.good());
  std::vector<std::string> rows;
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line.starts_with("#")) inside = line == heading;
    if (inside && line.starts_with("| `")) rows.push_back(line);
  }
  return rows;
}

template <typename Table>
void check_rows(const Table& table, const std::vector<std::string>& rows) {
  REQUIRE(rows.size() == table.size());
  for (std::size_t i = 0; i < table.size(); ++i)
    CHECK(rows[i] == std::string("| `") + table[i].label + "` | " + table[i].text + " |");
}

}  // namespace

TEST_CASE("readme_lists_exactly_the_drop_reasons_of_abi_h") {
  check_rows(kReasons, rows_under("## Drop reasons"));
}

TEST_CASE("readme_lists_exactly_the_verdicts_of_abi_h") {
  check_rows(kVerdicts, rows_under("## Verdicts"));
}

TEST_CASE("labels_are_unique") {
  for (std::size_t i = 0; i < kReasons.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(std::string_view(kReasons[i].label) != kReasons[j].label);
}
