// A held request as people read it. What we know comes first, each fact on a line of its own; then what the guest
// wrote, every line of it behind a bar and in quotes, wrapped by us, so that nothing in it can look like a fact: not by
// newlines, not by padding that a terminal would wrap, not by control characters (attack 184).
//
// Pure: text out of values. Lines are printable ASCII and have no newline. Those of guest_lines, which the guest could
// make as long as it likes, have at most `width` characters; the others are as long as the facts, for wrapped().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/review_info.h"

namespace enforcer::ctl {

using Lines = std::vector<std::string>;

/// Narrower terminals get lines that are too long for them.
inline constexpr std::size_t kNarrowest = 40;

/// Guest text in quotes, as often as it takes: `    | "..."`. A quote in it is \x22.
[[nodiscard]] Lines quoted_lines(std::string_view text, std::size_t width);

/// Lines that are too long, broken by us; what continues one is marked with `>`, so that it does not begin like a fact.
[[nodiscard]] Lines wrapped(Lines lines, std::size_t width);

/// What is known.
[[nodiscard]] Lines fact_lines(const control::ReviewInfo& review, WallClock::time_point now);
/// What the guest wrote. A body that is no text is shown as hex.
[[nodiscard]] Lines guest_lines(const control::ReviewInfo& review, std::size_t width);
/// What exactly a yes lets through.
[[nodiscard]] Lines granted_lines(const control::ReviewInfo& review);

/// "approved 1 of 2: ...", what follows from a yes; `after`: as it stands then.
[[nodiscard]] std::string approval_outcome(const control::ReviewInfo& after, WallClock::time_point now);

/// "1/2"
[[nodiscard]] std::string approvals_text(const control::ReviewInfo& review);
/// "cloudformation:DeleteStack", escaped and at most `limit` (>= 16) characters.
[[nodiscard]] std::string short_action(const control::ReviewInfo& review, std::size_t limit);
/// "policy/rule"
[[nodiscard]] std::string rule_name(const control::ReviewInfo& review);
/// "host", with a port that is not the scheme's own.
[[nodiscard]] std::string place_text(const control::ReviewInfo& review);
/// The same in at most `limit` (>= 16) characters: its end, where the domain stands.
[[nodiscard]] std::string short_place(const control::ReviewInfo& review, std::size_t limit);
/// How long from `from` to `to`: "2m 5s"; "0s" when that is past.
[[nodiscard]] std::string span_text(WallClock::time_point from, WallClock::time_point to);

[[nodiscard]] std::string joined_lines(const Lines& lines);  ///< each with its newline

}  // namespace enforcer::ctl
