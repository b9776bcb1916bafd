#include "enforcerctl/review_screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "enforcerctl/reviews.h"
#include "enforcerctl/terminal.h"

namespace enforcer::ctl {
namespace {

using control::ReviewInfo;

constexpr std::size_t kLowest = 8;
constexpr std::size_t kAroundTheMiddle = 4;  ///< title, message, prompt or keys, and one empty line
constexpr std::size_t kLongestTyped = 200;

std::string cut(std::string text, std::size_t width) {
  text = printable_lines(text);
  std::ranges::replace(text, '\n', ' ');
  if (text.size() > width) text = text.substr(0, width - 3) + "...";
  return text;
}

std::string what_happened(const control::ReviewChange& change) {
  const std::string by = change.by ? fmt::format(" by {}", change.by->name) : "";
  return fmt::format("{} of guest {}: {}{}", short_id(change.review.id), change.review.guest, change.change, by);
}

std::string row_text(const ReviewInfo& review, std::size_t width, WallClock::time_point now) {
  const std::string rest = fmt::format("  {:<10} {:<8} {:<4} {:>2}  ", review.guest, span_text(now, review.expires),
                                       approvals_text(review), review.clients);
  const std::string host = short_place(review, 40);
  const std::size_t used = kShownEnding + rest.size() + host.size() + 4;
  const std::size_t room = width > used + 16 ? width - used : 16;
  return short_id(review.id) + rest + host + "  " + short_action(review, room);
}

}  // namespace

std::size_t ReviewScreen::selected_index() const {
  const auto found = std::ranges::find(reviews_, selected_, &ReviewInfo::id);
  return found == reviews_.end() ? 0 : static_cast<std::size_t>(found - reviews_.begin());
}

const ReviewInfo* ReviewScreen::selected() const {
  return reviews_.empty() ? nullptr : &reviews_[selected_index()];
}

void ReviewScreen::changed(const control::ReviewChange& change) {
  const ReviewInfo& review = change.review;
  const auto found = std::ranges::find(reviews_, review.id, &ReviewInfo::id);
  const bool about_ours = asked_about_ && asked_about_->id == review.id;
  if (control::has_ended(review) || (about_ours && review.state != "pending" && view_ == View::kApproving)) {
    if (about_ours || (view_ == View::kDetails && review.id == selected_)) back();
  }
  if (change.change != "standing" && change.change != "asked") message_ = what_happened(change);
  if (control::has_ended(review)) {
    if (found == reviews_.end()) return;
    // The line that takes its place must not get the keys that were meant for it.
    const bool was_selected = review.id == selected_;
    reviews_.erase(found);
    if (was_selected) selected_.clear();
  } else if (found != reviews_.end()) {
    *found = review;
  } else {
    // Nor must one that comes after it: only the first of an empty list is chosen by itself.
    if (reviews_.empty()) selected_ = review.id;
    reviews_.push_back(review);
  }
}

void ReviewScreen::forget_all() {
  reviews_.clear();
  selected_.clear();
  back();
}

void ReviewScreen::move(int by) {
  if (view_ == View::kDetails) {
    scroll_ = by < 0 && scroll_ < static_cast<std::size_t>(-by) ? 0 : scroll_ + static_cast<std::size_t>(by);
    return;
  }
  if (reviews_.empty()) return;
  if (selected_.empty()) {
    selected_ = reviews_.front().id;
    return;
  }
  const auto last = static_cast<std::ptrdiff_t>(reviews_.size()) - 1;
  const auto target = std::clamp(static_cast<std::ptrdiff_t>(selected_index()) + by, std::ptrdiff_t{0}, last);
  selected_ = reviews_[static_cast<std::size_t>(target)].id;
}

void ReviewScreen::ask(View question) {
  const ReviewInfo* review = selected();
  if (review == nullptr || selected_.empty()) {
    message_ = "choose one first";
    return;
  }
  if (question == View::kApproving && review->state != "pending") {
    message_ = fmt::format("{} is {} already", short_id(review->id), review->state);
    return;
  }
  asked_about_ = *review;
  typed_.clear();
  scroll_ = 0;
  view_ = question;
}

void ReviewScreen::back() {
  view_ = View::kList;
  asked_about_.reset();
  typed_.clear();
  scroll_ = 0;
}

Effect ReviewScreen::confirm() {
  const bool approves = view_ == View::kApproving;
  const bool sure = typed_ == "y" || typed_ == "yes";
  Effect effect{.kind = approves ? Effect::Kind::kApprove : Effect::Kind::kReject,
                .review = *asked_about_,
                .comment = approves ? "" : typed_};
  back();
  if (approves && !sure) {
    message_ = "nothing was decided";
    return {};
  }
  return effect;
}

Effect ReviewScreen::press_in_question(const Key& key) {
  switch (key.kind) {
    case Key::Kind::kEnter:
      return confirm();
    case Key::Kind::kEscape:
    case Key::Kind::kInterrupt:
      back();
      message_ = "nothing was decided";
      return {};
    case Key::Kind::kBackspace:
      if (!typed_.empty()) typed_.pop_back();
      return {};
    case Key::Kind::kCharacter:
      if (typed_.size() < kLongestTyped) typed_ += key.character;
      return {};
    case Key::Kind::kUp:
    case Key::Kind::kDown:
    case Key::Kind::kPageUp:
    case Key::Kind::kPageDown:
      return {};
  }
  return {};
}

Effect ReviewScreen::press_elsewhere(const Key& key) {
  const auto is = [&](char c) { return key.kind == Key::Kind::kCharacter && key.character == c; };
  constexpr int kPage = 10;
  if (key.kind == Key::Kind::kInterrupt) return {.kind = Effect::Kind::kQuit};
  if (is('q') || key.kind == Key::Kind::kEscape) {
    if (view_ == View::kList && is('q')) return {.kind = Effect::Kind::kQuit};
    back();
  } else if (is('k') || key.kind == Key::Kind::kUp) {
    move(-1);
  } else if (is('j') || key.kind == Key::Kind::kDown) {
    move(1);
  } else if (key.kind == Key::Kind::kPageUp) {
    move(-kPage);
  } else if (key.kind == Key::Kind::kPageDown) {
    move(kPage);
  } else if (key.kind == Key::Kind::kEnter && view_ == View::kList && !selected_.empty()) {
    view_ = View::kDetails;
    scroll_ = 0;
  } else if (is('a')) {
    ask(View::kApproving);
  } else if (is('r')) {
    ask(View::kRejecting);
  }
  return {};
}

Effect ReviewScreen::press(const Key& key) {
  message_.clear();
  return asked_about_ ? press_in_question(key) : press_elsewhere(key);
}

Lines ReviewScreen::list_lines(std::size_t width, std::size_t room, WallClock::time_point now) const {
  if (reviews_.empty()) return {"Nothing waits for a decision."};
  Lines lines;
  const std::size_t at = selected_index();
  const std::size_t first = at < room ? 0 : at - room + 1;
  for (std::size_t i = first; i < reviews_.size() && lines.size() < room; ++i) {
    const bool marked = reviews_[i].id == selected_;
    lines.push_back((marked ? "> " : "  ") + row_text(reviews_[i], width - 2, now));
  }
  return lines;
}

Lines ReviewScreen::page_lines(std::size_t width, std::size_t room, WallClock::time_point now) const {
  Lines lines;
  if (asked_about_) {
    if (view_ == View::kApproving) {
      lines = wrapped(granted_lines(*asked_about_), width);
    } else {
      lines = wrapped(fact_lines(*asked_about_, now), width);
    }
  } else if (const ReviewInfo* review = selected()) {
    lines = wrapped(fact_lines(*review, now), width);
    lines.emplace_back();
    for (std::string& line : guest_lines(*review, width)) lines.push_back(std::move(line));
  }
  const std::size_t most = lines.size() > room ? lines.size() - room : 0;
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(std::min(scroll_, most)));
  return lines;
}

std::string ReviewScreen::prompt_line() const {
  switch (view_) {
    case View::kApproving:
      return "Approve? y and Enter; Esc goes back: " + typed_;
    case View::kRejecting:
      return "Reject; a comment, or none, and Enter; Esc goes back: " + typed_;
    case View::kDetails:
      return "j k scroll   a approve   r reject   Esc back";
    case View::kList:
      break;
  }
  return "j k choose   Enter details   a approve   r reject   q quit";
}

Lines ReviewScreen::render(std::size_t width, std::size_t height, WallClock::time_point now) const {
  width = std::max(width, kNarrowest);
  height = std::max(height, kLowest);
  const std::size_t room = height - kAroundTheMiddle;
  Lines lines{"Enforcer: " + count_of(reviews_.size(), "held request"), ""};
  for (std::string& line : view_ == View::kList ? list_lines(width, room, now) : page_lines(width, room, now)) {
    if (lines.size() < room + 2) lines.push_back(std::move(line));
  }
  lines.resize(height - 2);
  lines.push_back(message_);
  lines.push_back(prompt_line());
  for (std::string& line : lines) line = cut(std::move(line), width);
  return lines;
}

}  // namespace enforcer::ctl
