// Masking against an implementation that knows nothing of streams: every form as a row of alternatives, tried in every
// place of the whole text.
#include <optional>
#include <random>
#include <set>

#include "masking.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

struct Character {
  std::vector<std::string> spellings;  ///< letters behind the first character agree in either case
};
struct Row {
  std::string text;  ///< one octet for each character
  std::vector<Character> characters;
  std::size_t anchor = 0;
};

/// Where reading a row has stopped.
struct Stop {
  std::size_t end = 0;
  std::size_t tail = 0;  ///< a tail goes no further; the end: there is none
  bool complete = false;
};

enum Texts : unsigned { kPlainText = 0, kUri = 1, kJson = 2, kHtml = 4 };

Character spelled(char c, unsigned texts) {
  const unsigned value = static_cast<std::uint8_t>(c);
  Character made;
  const bool escapes =
      ((texts & kUri) != 0 && c == '%') || ((texts & kJson) != 0 && c == '\\') || ((texts & kHtml) != 0 && c == '&');
  if (!escapes) made.spellings.emplace_back(1, c);
  const auto add = [&](unsigned text, std::string spelling) {
    if ((texts & text) != 0) made.spellings.push_back(std::move(spelling));
  };
  add(kUri, fmt::format("%{:02x}", value));
  if (c != '%') add(kUri, fmt::format("%25{:02x}", value));
  if (c == ' ') add(kUri, "+");
  add(kJson, fmt::format("\\u{:04x}", value));
  add(kJson, fmt::format("\\x{:02x}", value));
  if (c == '/' || c == '"' || c == '\\') add(kJson, std::string("\\") + c);
  if (c == '\t') add(kJson, "\\t");
  add(kHtml, fmt::format("&#{};", value));
  add(kHtml, fmt::format("&#{:03};", value));
  add(kHtml, fmt::format("&#x{:02x};", value));
  const std::pair<char, const char*> kNamed[] = {
      {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"}};
  for (const auto& [named, reference] : kNamed) {
    if (c == named) add(kHtml, reference);
  }
  return made;
}

Row text_row(std::string_view secret, unsigned texts) {
  Row row{.text = std::string(secret), .anchor = std::min(secret.size(), Needles::kAnchor)};
  for (const char c : secret) row.characters.push_back(spelled(c, texts));
  return row;
}

/// The row, and what of it is searched for alone.
std::vector<Row> with_windows(const Row& row, std::size_t step) {
  std::vector<Row> rows{row};
  for (std::size_t from = step; from + step <= row.text.size(); from += step) rows.push_back({.anchor = from});
  rows.push_back({.anchor = row.text.size() - step});
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const std::size_t from = rows[i].anchor;
    const auto skipped = static_cast<std::ptrdiff_t>(from);
    rows[i] = {row.text.substr(from), {row.characters.begin() + skipped, row.characters.end()}, step};
  }
  std::erase_if(rows, [&](const Row& window) {
    return window.text.size() < row.text.size() && std::set(window.text.begin(), window.text.begin() + step).size() < 6;
  });
  return rows;
}

std::vector<Row> rows_of(std::string_view secret) {
  std::vector<Row> rows;
  const bool special = secret.find_first_of("%\\&") != std::string_view::npos;
  const auto append = [&](const Row& row, std::size_t step) {
    if (secret.size() <= 32) return rows.push_back(row);
    std::ranges::copy(with_windows(row, step), std::back_inserter(rows));
  };
  if (special) {
    for (const unsigned texts : {0U, 1U, 2U, 4U}) append(text_row(secret, texts), 16);
  } else {
    append(text_row(secret, kUri | kJson | kHtml), 16);
  }
  Row hex{.text = each_as("{:02x}", secret), .anchor = 2 * rows[0].anchor};
  for (const char c : hex.text) {
    hex.characters.push_back({{std::string(1, c), std::string(1, static_cast<char>(std::toupper(c)))}});
  }
  if (hex.characters.size() >= 8) append(hex, 32);
  for (std::size_t in_front = 0; in_front < 3; ++in_front) {
    // What stays the same whatever stands in front and behind.
    const auto encoded = [&](char filler, std::size_t size) {
      return in_base64(std::string(in_front, filler) + std::string(secret.substr(0, size)) + std::string(3, filler));
    };
    const auto determined = [&](std::size_t size) {
      const std::string a = encoded('\0', size);
      const std::string b = encoded('\xff', size);
      std::string same;
      const std::size_t end = 8 * (in_front + size) / 6;
      for (std::size_t i = 0; i < end; ++i) {
        if (a[i] == b[i]) same += a[i];
      }
      return same;
    };
    const std::string characters = determined(secret.size());
    if (characters.size() < 8) continue;
    Row row{.text = characters, .anchor = determined(rows[0].anchor).size()};
    for (const char c : characters) {
      Character character = spelled(c, kUri | kJson | kHtml);
      if (c == '+') character.spellings.emplace_back("-");
      if (c == '/') character.spellings.emplace_back("_");
      row.characters.push_back(std::move(character));
    }
    append(row, 21);
  }
  return rows;
}

/// How many of the first octets of the text agree with the spelling.
std::size_t agreeing(std::string_view text, std::string_view spelling) {
  std::size_t count = 0;
  while (count < std::min(text.size(), spelling.size())) {
    const char c = count == 0 ? text[0] : static_cast<char>(std::tolower(static_cast<unsigned char>(text[count])));
    if (c != spelling[count]) break;
    ++count;
  }
  return count;
}

/// How the row is read from the place on; nullopt when its anchor does not agree.
std::optional<Stop> stop_of(const Row& row, std::string_view text, std::size_t place) {
  std::size_t end = place;
  std::size_t read = 0;
  std::size_t line = 0;
  bool at_field = false;
  for (; read < row.characters.size(); ++read) {
    std::size_t whole = 0;
    std::size_t most = 0;
    const auto look = [&] {
      for (const std::string& spelling : row.characters[read].spellings) {
        const std::size_t count = agreeing(text.substr(end), spelling);
        most = std::max(most, count);
        if (count == spelling.size()) whole = count;
      }
    };
    look();
    while (read >= row.anchor && most == 0 && end < text.size() && (text[end] == '\r' || text[end] == '\n')) {
      line = read;
      ++end;
      look();
    }
    at_field = whole == 0 && most > 0 && text[end] == '&';
    end += whole > 0 ? whole : most;
    if (whole == 0) break;
  }
  if (read < row.anchor) return std::nullopt;
  const std::size_t remaining = row.characters.size() - read;
  const bool has_tail = end < text.size() && read - line >= 4 && !at_field;
  return Stop{end, has_tail ? end + 6 * remaining : end, remaining == 0};
}

/// Does a tail that begins where the row has stopped reach this octet?
bool in_tail_of(const Stop& stop, const std::vector<Stop>& stops, std::string_view text, std::size_t at) {
  if (stop.complete || at < stop.end || at >= stop.tail) return false;
  for (const char c : text.substr(stop.end, at - stop.end + 1)) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && !std::string_view("+/=_%\\.~-").contains(c)) return false;
  }
  return std::ranges::none_of(
      stops, [&](const Stop& other) { return other.complete && stop.end <= other.end && other.end <= at; });
}

Scanned naive(const std::vector<Row>& rows, std::string_view text) {
  Scanned scanned{std::string(text)};
  std::vector<Stop> stops;
  std::size_t masked = 0;
  for (std::size_t place = 0; place < text.size(); ++place) {
    std::size_t end = place;
    for (const Row& row : rows) {
      if (const auto stop = stop_of(row, text, place)) {
        end = std::max(end, stop->end);
        stops.push_back(*stop);
      }
    }
    if (end > place && place >= masked) ++scanned.findings;
    for (std::size_t i = place; i < end; ++i) scanned.text[i] = '*';
    masked = std::max(masked, end);
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto reaches = [&](const Stop& stop) { return in_tail_of(stop, stops, text, i); };
    if (std::ranges::any_of(stops, reaches)) scanned.text[i] = '*';
    if (text[i] == '\r' || text[i] == '\n') scanned.text[i] = text[i];
  }
  return scanned;
}

class RandomTexts {
 public:
  explicit RandomTexts(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string of(std::string_view alphabet, std::size_t size) {
    std::string made;
    while (made.size() < size) made += alphabet[below(alphabet.size())];
    return made;
  }

  /// Forms that are whole, cut off, damaged or run into each other, and something between them.
  std::string about(const std::vector<Row>& rows, std::string_view alphabet) {
    std::string made;
    for (std::size_t parts = 1 + below(5); parts > 0; --parts) {
      if (below(3) == 0) made += of(alphabet, below(4));
      const Row& row = rows[below(rows.size())];
      const bool fancy = below(2) == 0;
      std::string form;
      for (const Character& character : row.characters) {
        const std::size_t which = fancy && below(4) == 0 ? below(character.spellings.size()) : 0;
        form += character.spellings[which];
      }
      if (below(3) == 0) form.resize(below(form.size() + 1));
      if (below(4) == 0 && !form.empty()) form[below(form.size())] = alphabet[below(alphabet.size())];
      if (below(4) == 0) form.erase(0, below(form.size() + 1));
      if (below(4) == 0) form.insert(below(form.size() + 1), below(2) == 0 ? "\r\n" : "\n");
      if (below(4) == 0) form.insert(below(form.size() + 1), of("%\\uA~", 1 + below(3)));
      made += form;
    }
    return made;
  }

  std::vector<std::size_t> cuts(std::size_t size) {
    std::vector<std::size_t> made;
    for (std::size_t at = 0; at < size; at += 1 + below(9)) made.push_back(at);
    return made;
  }

 private:
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("masking_agrees_with_a_naive_implementation") {
  std::uint64_t findings = 0;
  std::uint64_t clean = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    RandomTexts texts(seed);
    // Few letters, so that forms begin in each other; characters that are escaped, and in every second round those that
    // begin escapes.
    const std::string_view alphabet = seed % 2 == 0 ? "ab/+ <u2" : "ab\\%&;2\t";
    const std::string first = texts.of(alphabet, 1 + texts.below(24));
    const std::string second = texts.of(alphabet, 12 + texts.below(seed % 4 < 2 ? 24 : 80));
    std::vector<Row> rows = rows_of(first);
    for (Row& row : rows_of(second)) rows.push_back(std::move(row));
    const auto needles = needles_of({first, second});
    for (int round = 0; round < 8; ++round) {
      const std::string text = texts.about(rows, alphabet);
      CAPTURE(first);
      CAPTURE(second);
      CAPTURE(text);
      const Scanned expected = naive(rows, text);
      const Scanned whole = scan_at(needles, text, {});
      CHECK(whole.text == expected.text);
      CHECK(whole.findings == expected.findings);
      CHECK(scan_at(needles, text, texts.cuts(text.size())) == expected);
      findings += expected.findings;
      clean += expected.findings == 0 ? 1 : 0;
    }
  }
  CHECK(findings > 200);
  CHECK(clean > 20);
}
