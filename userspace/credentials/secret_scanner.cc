#include "credentials/secret_scanner.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace enforcer::credentials {
namespace {

bool breaks_line(std::uint8_t octet) {
  return octet == '\r' || octet == '\n';
}

/// Tokens, base64, and what percent-encoding and escapes are made of.
bool in_tail(std::uint8_t octet) {
  const char c = static_cast<char>(octet);
  return ascii::is_alphanumeric(c) || std::string_view("+/=_%\\.~-").contains(c);
}

}  // namespace

Bytes SecretScanner::feed(Bytes arrived) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(std::exchange(passed_, 0)));
  if (nothing_open() && needles_->surely_none_begins_in(arrived)) return arrived;
  const std::size_t known = buffer_.size();
  buffer_.insert(buffer_.end(), arrived.begin(), arrived.end());
  scan(buffer_, known, More::kMayFollow);
  return Bytes(buffer_).first(passed_);
}

Bytes SecretScanner::finish() {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(passed_));
  scan(buffer_, buffer_.size(), More::kNothing);
  return buffer_;
}

/// What came so far has no bearing on what comes.
bool SecretScanner::nothing_open() const {
  return buffer_.empty() && going_on_.empty() && stops_.empty() && reached_.empty() && masked_ == 0 && tail_ == 0;
}

/// The first `known` octets of the text were held. Places are looked at in order, and each once it can be decided; what
/// is in front of it is never looked at again, so it may be overwritten.
void SecretScanner::scan(std::span<std::uint8_t> text, std::size_t known, More more) {
  std::erase_if(going_on_, [&](Needles::Reading& reading) {
    const std::size_t end = read_on(reading, text, known);
    masked_ = std::max(masked_, end);
    return end < text.size() || needles_->at_end(reading);
  });

  std::size_t overwritten = 0;
  const auto overwrite_to = [&](std::size_t place) {
    overwrite(text, overwritten, place);
    overwritten = place;
  };
  std::size_t place = needles_->candidate(text, 0);
  for (; place < text.size(); place = needles_->candidate(text, place + 1)) {
    overwrite_to(place);
    if (!look_at(text, place, more)) break;
  }
  overwrite_to(place);
  passed_ = place;
  move_origin(place);
  if (more == More::kMayFollow) return;
  going_on_.clear();
  stops_.clear();
  reached_.clear();
  tail_ = 0;
}

/// Every form that begins in front of `to` has been read, as far as the text goes.
void SecretScanner::overwrite(std::span<std::uint8_t> text, std::size_t from, std::size_t to) {
  for (std::size_t at = from; at < to; ++at) {
    if (stops_.empty() && at >= masked_ && at >= tail_) return;
    if (!stops_.empty() && stops_.begin()->first == at) {
      const std::size_t limit = stops_.begin()->second;
      tail_ = limit == kComplete ? 0 : std::max(tail_, limit);
      stops_.erase(stops_.begin());
    }
    if (at >= tail_ || !in_tail(text[at])) tail_ = 0;
    if ((at < masked_ || at < tail_) && !breaks_line(text[at])) text[at] = '*';
  }
}

void SecretScanner::move_origin(std::size_t by) {
  masked_ -= std::min(masked_, by);
  tail_ -= std::min(tail_, by);
  std::map<std::size_t, std::size_t> moved;
  for (const auto& [at, limit] : stops_) moved.emplace(at - by, limit == kComplete ? limit : limit - by);
  stops_ = std::move(moved);
  std::set<std::pair<std::size_t, std::uint32_t>> reached;
  for (const auto& [at, window] : reached_) {
    if (at >= by) reached.emplace(at - by, window);
  }
  reached_ = std::move(reached);
}

/// False: more must come before it is known whether a form begins here.
bool SecretScanner::look_at(Bytes text, std::size_t place, More more) {
  found_.clear();
  std::size_t masked = place;
  bool undecided = false;
  needles_->each_form_at(text.subspan(place), [&](std::uint32_t form) {
    if (reached_.contains({place, form})) return;
    Needles::Reading reading{.form = form};
    const std::size_t end = read_on(reading, text, place);
    if (needles_->anchored(reading)) {
      masked = std::max(masked, end);
      if (end == text.size() && !needles_->at_end(reading)) found_.push_back(reading);
    } else if (end == text.size() && more == More::kMayFollow) {
      undecided = true;
    }
  });
  if (undecided) return false;
  if (masked == place) return true;
  if (place >= masked_) ++findings_;
  masked_ = std::max(masked_, masked);
  going_on_.insert(going_on_.end(), found_.begin(), found_.end());
  return true;
}

/// Where the text stops to agree with the form, or the form ends. Line breaks that were passed over are in front of it.
std::size_t SecretScanner::read_on(Needles::Reading& reading, Bytes text, std::size_t place) {
  while (place < text.size() && !needles_->at_end(reading)) {
    Needles::Reading next = reading;
    if (needles_->advance(next, text[place])) {
      reading = next;
      if (const auto window = needles_->window_at(reading)) {
        reading.window = *window;
        reached_.emplace(place + 1, *window);
      }
    } else if (!pass_over(reading, text[place])) {
      break;
    }
    ++place;
  }
  if (needles_->anchored(reading)) note_stop(reading, text, place);
  return place;
}

bool SecretScanner::pass_over(Needles::Reading& reading, std::uint8_t octet) const {
  if (!breaks_line(octet) || !needles_->anchored(reading) || !reading.next.at_beginning()) return false;
  reading.line = reading.characters;
  return true;
}

void SecretScanner::note_stop(const Needles::Reading& reading, Bytes text, std::size_t place) {
  if (needles_->at_end(reading)) {
    stops_[place] = kComplete;
  } else if (place < text.size() && reading.characters - reading.line >= kLine && !reading.next.in_reference()) {
    const auto [stop, is_new] = stops_.emplace(place, 0);
    const std::size_t limit = place + needles_->remaining(reading) * kLongestSpelling;
    if (is_new || stop->second != kComplete) stop->second = std::max(stop->second, limit);
  }
}

std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::span<std::uint8_t> text) {
  if (needles->surely_none_in(text)) return 0;
  SecretScanner scanner(needles);
  scanner.scan(text, 0, SecretScanner::More::kNothing);
  return scanner.findings();
}

std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::string& text) {
  return redact(needles, std::span(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));
}

}  // namespace enforcer::credentials
