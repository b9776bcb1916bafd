#include "audit/resume.h"

#include <fmt/format.h>
#include <unistd.h>

#include <optional>

#include "audit/backward.h"
#include "audit/files.h"
#include "audit/head.h"

namespace enforcer::audit {
namespace {

/// What the files say about their end.
struct Ending {
  std::optional<Head> last;   ///< the last record that is what it was when it was written
  std::optional<Head> noted;  ///< the record with the number that was noted, or one before it
};

/// From the newest file to older ones, to the first record with a number not above `noted`.
Result<Ending> read_ending(const std::string& path, std::uint64_t noted) {
  Ending ending;
  Hasher hasher;
  for (unsigned age = 0;; ++age) {
    const auto existing = first_existing(path, age, Towards::kOlder);
    if (!existing) return ending;
    age = *existing;
    const Fd file = TRY(open_for_reading(file_name(path, age)));
    BackwardLines lines(file.get(), lseek(file.get(), 0, SEEK_END));
    while (!lines.at_begin()) {
      for (const std::string_view line : TRY(lines.step())) {
        const auto link = parse_link(line, hasher);
        if (!link || link->content != Link::Content::kIntact) continue;
        if (!ending.last) ending.last = link->head();
        if (link->seq > noted) continue;
        ending.noted = link->head();
        return ending;
      }
    }
  }
}

}  // namespace

Result<Resumption> find_end(const std::string& path) {
  const auto noted = read_head(path);
  const Head written = noted ? noted->value_or(Head()) : Head();
  const Ending ending = TRY(read_ending(path, written.seq));
  if (!noted) return Resumption{ending.last.value_or(Head()), noted.error().message};
  if (!*noted) {
    // The first start of all, or somebody removed the file: a writer leaves one from its start on.
    if (!ending.last) return Resumption{};
    return Resumption{*ending.last, fmt::format("{} is gone", head_file_name(path))};
  }
  if (ending.last.value_or(Head()).seq < written.seq) {
    const std::uint64_t last = ending.last.value_or(Head()).seq;
    return Resumption{written, fmt::format("the log ends with record {}, but record {} was written", last, written.seq),
                      written.seq - last};
  }
  if (ending.noted && ending.noted->seq == written.seq && *ending.noted != written) {
    const Head& head = ending.last->seq > written.seq ? *ending.last : written;
    return Resumption{head, fmt::format("record {} is not the one that was written", written.seq)};
  }
  return Resumption{ending.last.value_or(written), ""};
}

}  // namespace enforcer::audit
