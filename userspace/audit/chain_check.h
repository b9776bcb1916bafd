// ChainCheck: what is wrong with a chain of records (chain.h), from their links alone.
//
// Records come in the order in which they stand in the files. As long as each is the one after the one before it, they
// are one segment; where that breaks a new one begins. An untouched log is one segment. Where there are more, their
// ends tell what was done: a segment with the next number, but another hash of the record before, says that this one
// was changed; a later number, that records were removed; one that goes on from further back, that records were
// inserted after that place; and where a segment goes on as if the one before it were not there, that one was inserted,
// or, when its numbers are missing elsewhere, moved there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.h"

namespace enforcer::audit {

/// Where a line stands.
struct LinePlace {
  unsigned file = 0;       ///< counted from the oldest, by the caller
  std::uint64_t line = 0;  ///< from 1
  friend auto operator<=>(const LinePlace&, const LinePlace&) = default;
};

/// What is wrong: NAME, label.
#define ENFORCER_CHAIN_FAULTS(X)                                                                \
  X(kChanged, "changed")     /* the record is not what was written */                           \
  X(kRemoved, "removed")     /* records are missing before this place, or after the last one */ \
  X(kInserted, "inserted")   /* records that the log did not write there */                     \
  X(kReordered, "reordered") /* records that stand in another place than they were written */   \
  X(kTorn, "torn")           /* a line that is not a record, and that the log does not know of */

enum class ChainFault : std::uint8_t {
#define X(name, text) name,
  ENFORCER_CHAIN_FAULTS(X)
#undef X
};
[[nodiscard]] std::string_view label(ChainFault fault);

struct ChainFinding {
  ChainFault fault = ChainFault::kChanged;
  LinePlace place;
  std::uint64_t first = 0;  ///< number of the record, or of the first of several; 0: none
  std::uint64_t last = 0;
  std::string detail;  ///< one line for people
};

class ChainCheck {
 public:
  /// With more breaks or changed records than that it is no use to go on.
  static constexpr std::size_t kMost = 1000;

  /// A record that is known to have been written. `name` says where that is known from: "audit.jsonl.head", "--head".
  void expect(const Head& head, std::string name);

  void add(const Link& link, LinePlace place);
  [[nodiscard]] bool hopeless() const { return segments_.size() >= kMost || findings_.size() >= kMost; }

  /// What is wrong, in the order of the files; once, after the last record. What is missing at the end is not known
  /// when it was hopeless.
  std::vector<ChainFinding> finish();

  [[nodiscard]] std::uint64_t records() const { return records_; }
  /// Number of the first record; 0 when there is none. What was before it was rotated away, or removed in front.
  [[nodiscard]] std::uint64_t first() const { return segments_.empty() ? 0 : segments_.front().first.link.seq; }
  /// The record that the files end with.
  [[nodiscard]] Head head() const { return last_ ? last_->link.head() : Head(); }

 private:
  struct Point {
    Link link;  ///< its number is that of its place in the chain, whatever a changed record says
    LinePlace place;
  };
  /// A segment goes on from a record other than the last one.
  struct Fork {
    std::uint64_t seq = 0;  ///< of that record
    LinePlace next;         ///< of the record after it
  };
  struct Segment {
    Point first;
    Point last;
    std::optional<Fork> fork;
    [[nodiscard]] std::uint64_t records() const { return last.link.seq - first.link.seq + 1; }
  };
  struct Gap {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    LinePlace place;
  };
  struct Expected {
    Head head;
    std::string name;
    enum class Seen : std::uint8_t { kNot, kOther, kSame } seen = Seen::kNot;
    LinePlace place;
  };

  static bool goes_on(const Point& before, const Point& after);
  std::optional<Fork> find_fork(const Link& link) const;
  void look_for_expected(const Point& point);
  void join_segments();
  void join(const Segment& segment, const Segment* next);
  [[nodiscard]] bool is_genuine(const Segment& segment, std::uint64_t others) const;
  void place_strays();
  void judge_expected();
  void report(ChainFault fault, LinePlace place, std::uint64_t first, std::uint64_t last, std::string detail);

  std::uint64_t records_ = 0;
  std::optional<Point> last_;
  std::vector<Segment> segments_;
  std::vector<Expected> expected_;
  /// The last records, to find where a segment goes on from.
  static constexpr std::size_t kRemembered = 4096;
  std::vector<Point> recent_;

  /// While the segments are joined: the chain so far, what is missing in it, and what does not belong to it.
  Segment chain_;
  std::vector<Gap> gaps_;
  std::vector<Segment> strays_;
  std::vector<ChainFinding> findings_;
};

}  // namespace enforcer::audit
