#include "audit/chain_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace enforcer::audit {
namespace {

std::string numbers(std::uint64_t first, std::uint64_t last) {
  return first == last ? fmt::format("record {}", first) : fmt::format("records {} to {}", first, last);
}

}  // namespace

std::string_view label(ChainFault fault) {
  switch (fault) {
#define X(name, text)    \
  case ChainFault::name: \
    return text;
    ENFORCER_CHAIN_FAULTS(X)
#undef X
  }
  std::unreachable();
}

void ChainCheck::expect(const Head& head, std::string name) {
  if (head.seq != 0) expected_.push_back({.head = head, .name = std::move(name), .place = {}});
}

void ChainCheck::report(ChainFault fault, LinePlace place, std::uint64_t first, std::uint64_t last,
                        std::string detail) {
  // Once for each place: a line that was put in need not be said to be changed as well.
  const auto here = std::ranges::find(findings_, place, &ChainFinding::place);
  if (here != findings_.end() && fault == ChainFault::kChanged) return;
  if (here != findings_.end() && here->fault == ChainFault::kChanged) findings_.erase(here);
  findings_.push_back({fault, place, first, last, std::move(detail)});
}

bool ChainCheck::goes_on(const Point& before, const Point& after) {
  return after.link.seq == before.link.seq + 1 && after.link.prev == before.link.hash;
}

std::optional<ChainCheck::Fork> ChainCheck::find_fork(const Link& link) const {
  for (std::uint64_t back = 2; back <= std::min<std::uint64_t>(recent_.size(), records_); ++back) {
    const Point& point = recent_[(records_ - back) % kRemembered];
    if (point.link.hash != link.prev || point.link.seq + 1 != link.seq) continue;
    return Fork{point.link.seq, recent_[(records_ - back + 1) % kRemembered].place};
  }
  return std::nullopt;
}

void ChainCheck::look_for_expected(const Point& point) {
  using Seen = Expected::Seen;
  for (Expected& expected : expected_) {
    // The hash before the first record is known as well, after the record itself was rotated away.
    const bool before_first = records_ == 0 && expected.head.seq + 1 == point.link.seq;
    if (!before_first && expected.head.seq != point.link.seq) continue;
    const bool same = (before_first ? point.link.prev : point.link.hash) == expected.head.hash;
    if (!same && expected.seen == Seen::kSame) continue;
    expected.seen = same ? Seen::kSame : Seen::kOther;
    expected.place = point.place;
  }
}

void ChainCheck::add(const Link& link, LinePlace place) {
  Point point{link, place};
  const bool changed = link.content == Link::Content::kChanged;
  // Where a changed record stands is better known than what it says of itself.
  if (changed && last_) point.link.seq = last_->link.seq + 1;
  if (changed) {
    report(ChainFault::kChanged, place, point.link.seq, point.link.seq, "it is not what its hash was made of");
  }
  look_for_expected(point);
  if (last_ && (changed || goes_on(*last_, point))) {
    segments_.back().last = point;
  } else {
    segments_.push_back({.first = point, .last = point, .fork = find_fork(link)});
  }
  if (recent_.size() < kRemembered) recent_.emplace_back();
  recent_[records_ % kRemembered] = point;
  last_ = point;
  ++records_;
}

/// Whether a segment that goes on from further back is what was written, and not the `others` that stand there now.
bool ChainCheck::is_genuine(const Segment& segment, std::uint64_t others) const {
  for (const Expected& expected : expected_) {
    if (expected.head == segment.last.link.head()) return true;
    if (expected.head == chain_.last.link.head()) return false;
  }
  return segment.records() >= others;
}

void ChainCheck::join(const Segment& segment, const Segment* next) {
  const Point& end = chain_.last;
  const Point& begin = segment.first;
  if (goes_on(end, begin)) {
    chain_.last = segment.last;
  } else if (next != nullptr && goes_on(end, next->first)) {
    strays_.push_back(segment);
  } else if (segment.fork && segment.fork->seq >= chain_.first.link.seq && segment.fork->seq < end.link.seq) {
    const std::uint64_t others = end.link.seq - segment.fork->seq;
    if (!is_genuine(segment, others)) {
      strays_.push_back(segment);
      return;
    }
    report(ChainFault::kInserted, segment.fork->next, segment.fork->seq + 1, end.link.seq,
           fmt::format("record {} goes on from record {}, not from what stands between them", begin.link.seq,
                       segment.fork->seq));
    chain_.last = segment.last;
  } else if (begin.link.seq == end.link.seq + 1) {
    // Of a record that is changed in itself this is known already.
    if (end.link.content == Link::Content::kIntact) {
      report(ChainFault::kChanged, end.place, end.link.seq, end.link.seq,
             fmt::format("record {} has another hash of it", begin.link.seq));
    }
    chain_.last = segment.last;
  } else if (begin.link.seq > end.link.seq) {
    gaps_.push_back({end.link.seq + 1, begin.link.seq - 1, begin.place});
    chain_.last = segment.last;
  } else if (begin.link.seq <= chain_.first.link.seq && segment.records() > chain_.records()) {
    strays_.push_back(chain_);
    chain_ = segment;
  } else {
    strays_.push_back(segment);
  }
}

void ChainCheck::join_segments() {
  chain_ = segments_.front();
  for (std::size_t i = 1; i < segments_.size(); ++i) {
    join(segments_[i], i + 1 < segments_.size() ? &segments_[i + 1] : nullptr);
  }
}

void ChainCheck::place_strays() {
  for (const Segment& stray : strays_) {
    const std::uint64_t first = stray.first.link.seq;
    const std::uint64_t last = stray.last.link.seq;
    const auto gap =
        std::ranges::find_if(gaps_, [&](const Gap& each) { return each.first <= first && last <= each.last; });
    const bool before_all = last < chain_.first.link.seq;
    const bool moved = before_all || gap != gaps_.end();
    report(moved ? ChainFault::kReordered : ChainFault::kInserted, stray.first.place, first, last,
           moved ? fmt::format("not written here: {}", numbers(first, last))
                 : fmt::format("not a part of the chain: {}", numbers(first, last)));
    if (gap == gaps_.end()) continue;
    const Gap after{last + 1, gap->last, gap->place};
    gap->last = first - 1;
    gaps_.push_back(after);
    std::erase_if(gaps_, [](const Gap& each) { return each.first > each.last; });
  }
  for (const Gap& gap : gaps_) {
    report(ChainFault::kRemoved, gap.place, gap.first, gap.last,
           fmt::format("missing before this one: {}", numbers(gap.first, gap.last)));
  }
}

void ChainCheck::judge_expected() {
  const std::uint64_t last = records_ == 0 ? 0 : chain_.last.link.seq;
  const LinePlace end = records_ == 0 ? LinePlace() : chain_.last.place;
  for (const Expected& expected : expected_) {
    const std::uint64_t seq = expected.head.seq;
    if (seq > last) {
      report(ChainFault::kRemoved, end, last + 1, seq,
             fmt::format("missing at the end: {}; {} has record {}", numbers(last + 1, seq), expected.name, seq));
    } else if (expected.seen == Expected::Seen::kOther) {
      report(ChainFault::kChanged, expected.place, seq, seq, fmt::format("{} has another hash of it", expected.name));
    } else if (expected.seen == Expected::Seen::kNot && seq < chain_.first.link.seq) {
      report(ChainFault::kRemoved, chain_.first.place, seq, seq,
             fmt::format("record {}, which {} has, was rotated away or removed: nothing to compare with", seq,
                         expected.name));
    }
  }
}

std::vector<ChainFinding> ChainCheck::finish() {
  const bool read_to_the_end = !hopeless();
  if (!segments_.empty()) {
    join_segments();
    place_strays();
    last_ = chain_.last;
    const Point& first = chain_.first;
    if (first.link.seq == 1 && first.link.prev != ChainHash() && first.link.content == Link::Content::kIntact) {
      report(ChainFault::kChanged, first.place, 1, 1, "it is the first, and has a hash of one before it");
    }
  }
  if (read_to_the_end) judge_expected();
  std::ranges::sort(findings_, {}, [](const ChainFinding& each) { return std::tie(each.place, each.first); });
  return std::move(findings_);
}

}  // namespace enforcer::audit
