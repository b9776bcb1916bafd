// ReviewScreen: the live view of `review watch` without a terminal: what is on the screen after a key or a change, and
// what a key asks for. Pure; live_terminal.h owns the terminal, verb_review_watch.cc puts them together.
//
//   list ── Enter ──▶ details ── a ──▶ "y" or "yes", Enter ──▶ Effect::kApprove
//     └───── a, r ─────────────── r ──▶ a comment, Enter ────▶ Effect::kReject
//
// What a person confirms is the ticket as it was when they pressed `a`, whatever moves in the list meanwhile; when that
// ticket is decided by somebody else, the question goes away.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/review_info.h"
#include "enforcerctl/live_keys.h"
#include "enforcerctl/review_text.h"

namespace enforcer::ctl {

struct Effect {
  enum class Kind { kNone, kQuit, kApprove, kReject };
  Kind kind = Kind::kNone;
  control::ReviewInfo review;  ///< kApprove, kReject: exactly what was shown
  std::string comment;         ///< kReject
};

class ReviewScreen {
 public:
  /// A line of the stream. A ticket that has ended leaves the list, and a message says how.
  void changed(const control::ReviewChange& change);
  /// The stream begins anew: what it does not name again is gone.
  void forget_all();

  /// What came of an effect, or what is wrong with the stream: one line, shown until the next key.
  void say(std::string message) { message_ = std::move(message); }

  [[nodiscard]] Effect press(const Key& key);

  /// Exactly `height` lines of at most `width` printable characters (both are taken as at least 40 and 8).
  [[nodiscard]] Lines render(std::size_t width, std::size_t height, WallClock::time_point now) const;

 private:
  enum class View { kList, kDetails, kApproving, kRejecting };

  [[nodiscard]] std::size_t selected_index() const;
  [[nodiscard]] const control::ReviewInfo* selected() const;
  void move(int by);
  void ask(View question);
  void back();
  Effect confirm();
  Effect press_in_question(const Key& key);
  Effect press_elsewhere(const Key& key);
  [[nodiscard]] Lines list_lines(std::size_t width, std::size_t room, WallClock::time_point now) const;
  [[nodiscard]] Lines page_lines(std::size_t width, std::size_t room, WallClock::time_point now) const;
  [[nodiscard]] std::string prompt_line() const;

  std::vector<control::ReviewInfo> reviews_;  ///< open ones, oldest first
  std::string selected_;                      ///< id; empty: none is chosen
  View view_ = View::kList;
  std::optional<control::ReviewInfo> asked_about_;  ///< kApproving, kRejecting
  std::string typed_;
  std::size_t scroll_ = 0;
  std::string message_;
};

}  // namespace enforcer::ctl
