// Records: whatever a guest wrote into any field, a line of the log is printable ASCII, one JSON object, and reads
// back; whatever a file holds, what a person is shown of it is harmless to a terminal; and whatever a chain says, it is
// judged.
#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "audit/chain.h"
#include "audit/chain_check.h"
#include "audit/fields.h"
#include "audit/filter.h"
#include "audit/record.h"
#include "base/result.h"
#include "enforcerctl/record_line.h"
#include "enforcerctl/terminal.h"

using namespace enforcer;
using namespace enforcer::audit;

namespace {

/// A terminal without colour, which nothing is written to here.
struct Plain final : ctl::Terminal {
  void out(std::string_view) override {}
  void err(std::string_view) override {}
  [[nodiscard]] bool watched() const override { return false; }
  [[nodiscard]] bool coloured() const override { return false; }
  [[nodiscard]] std::size_t width() const override { return 80; }
};

const DecisionId kId = DecisionId::make();
Hasher hasher;

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

template <class Record>
void check_record(const Record& record) {
  std::string line = R"({"schema_version":1,"seq":1,"time":")";
  append_time(line, WallClock::time_point{});
  line += "\",";
  append_body(line, record);
  const Head head = append_links(line, 0, 1, ChainHash(), hasher);
  const auto link = parse_link(line, hasher);
  ENFORCER_CHECK(link && link->head() == head && link->content == Link::Content::kIntact);
  ENFORCER_CHECK(is_record(line));
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  ENFORCER_CHECK(parsed.is_object());
  std::size_t fields = 0;
  FieldReader reader(line);
  while (const auto field = reader.next()) {
    ++fields;
    ENFORCER_CHECK(parsed.contains(std::string(field->key)));
  }
  ENFORCER_CHECK(fields == parsed.size());  // no field twice, none overlooked
}

/// Three texts out of one input.
std::array<std::string_view, 3> pieces_of(std::string_view text) {
  const std::size_t first = text.find('|');
  const std::size_t second = first == std::string_view::npos ? first : text.find('|', first + 1);
  if (second == std::string_view::npos) return {text, text, text};
  return {text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
}

void check_records(std::string_view text) {
  const auto [one, two, three] = pieces_of(text);
  check_record(DecisionRecord{.id = kId,
                              .layer = policy::Layer::kHttp,
                              .sni = one,
                              .host = two,
                              .authority = three,
                              .port = Port{443},
                              .method = one,
                              .path = three,
                              .query = two,
                              .action = one});
  check_record(EndRecord{.id = kId, .host = one, .port = Port{1}, .outcome = Outcome::kOriginFailed, .detail = two});
  check_record(EventRecord{.event = "second_path", .detail = three, .count = 2});
  check_record(DatapathRecord{.drop = "l2_vlan", .count = text.size()});
}

/// A line of a file that somebody else may have written.
void check_shown(std::string_view line) {
  const Plain plain;
  for (const std::string& shown : {ctl::any_record_line(plain, line), ctl::record_line(plain, line).value_or("\n")}) {
    ENFORCER_CHECK(shown.ends_with('\n') && printable(std::string_view(shown).substr(0, shown.size() - 1)));
  }
  static_cast<void>(Filter{.host = "ok.test", .since = WallClock::time_point{}}.matches(line));
}

/// A log that somebody else may have written: whatever its links say, what is found has an end.
void check_chain(std::string_view text) {
  ChainCheck check;
  check.expect({3, hasher.hash(text)}, "noted");
  std::string line;
  Head head;
  for (std::size_t i = 0; i < text.size(); ++i) {
    // Each octet is a record: of the next number or another one, going on from the last record or from another one.
    const auto octet = static_cast<unsigned char>(text[i]);
    const std::uint64_t seq = (octet & 1) != 0 ? head.seq + 1 : 1 + octet / 8;
    line = "{\"schema_version\":1,\"seq\":" + std::to_string(seq) + ",\"x\":\"" + std::to_string(octet) + "\"";
    const Head made = append_links(line, 0, seq, (octet & 2) != 0 ? head.hash : ChainHash(), hasher);
    if ((octet & 4) != 0) line[line.find("x")] = 'y';
    if ((octet & 4) == 0) head = made;
    if (const auto link = parse_link(line, hasher)) check.add(*link, {0, i + 1});
  }
  ENFORCER_CHECK(check.records() == text.size());
  ENFORCER_CHECK(check.finish().size() <= 2 * text.size() + 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_records(text);
  check_shown(text);
  check_chain(text.substr(0, 64));
  return 0;
}
