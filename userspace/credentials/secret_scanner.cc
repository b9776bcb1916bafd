#include "credentials/secret_scanner.h"

#include <algorithm>

namespace enforcer::credentials {

Bytes SecretScanner::feed(Bytes arrived) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(passed_));
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
    const std::size_t end = std::min(place, masked_);
    if (overwritten < end) std::ranges::fill(text.subspan(overwritten, end - overwritten), '*');
    overwritten = place;
  };
  std::size_t place = needles_->candidate(text, 0);
  for (; place < text.size(); place = needles_->candidate(text, place + 1)) {
    overwrite_to(place);
    if (!look_at(text, place, more)) break;
  }
  overwrite_to(place);
  passed_ = place;
  masked_ -= std::min(masked_, place);
  if (more == More::kNothing) going_on_.clear();
}

/// False: more must come before it is known whether a form begins here.
bool SecretScanner::look_at(Bytes text, std::size_t place, More more) {
  found_.clear();
  std::size_t masked = place;
  for (std::uint32_t form = 0; form < needles_->count(); ++form) {
    Needles::Reading reading{.form = form};
    const std::size_t end = read_on(reading, text, place);
    if (needles_->anchored(reading)) {
      masked = std::max(masked, end);
      if (end == text.size() && !needles_->at_end(reading)) found_.push_back(reading);
    } else if (end == text.size() && more == More::kMayFollow) {
      return false;
    }
  }
  if (masked == place) return true;
  if (place >= masked_) ++findings_;
  masked_ = std::max(masked_, masked);
  going_on_.insert(going_on_.end(), found_.begin(), found_.end());
  return true;
}

/// Where the text stops to agree with the form, or the form ends.
std::size_t SecretScanner::read_on(Needles::Reading& reading, Bytes text, std::size_t place) const {
  while (place < text.size() && !needles_->at_end(reading) && needles_->advance(reading, text[place])) ++place;
  return place;
}

std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::span<std::uint8_t> text) {
  SecretScanner scanner(needles);
  scanner.scan(text, 0, SecretScanner::More::kNothing);
  return scanner.findings();
}

std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::string& text) {
  return redact(needles, std::span(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));
}

}  // namespace enforcer::credentials
