#include "proxy/prefixed_body.h"

#include <algorithm>
#include <utility>

#include "proxy/guest.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

}  // namespace

PrefixedBody::~PrefixedBody() {
  release();
}

void PrefixedBody::release() {
  guest_.release_body(std::exchange(held_, 0));
}

asio::awaitable<PrefixedBody::Kept> PrefixedBody::keep_part() {
  if (last_ == BodyPart::Kind::kEnd) co_return Kept::kWhole;
  const BodyPart part = co_await body_.read_body();
  last_ = part.kind;
  switch (part.kind) {
    case BodyPart::Kind::kEnd:
      co_return Kept::kWhole;
    case BodyPart::Kind::kMalformed:
      co_return Kept::kMalformed;
    case BodyPart::Kind::kBroken:
      co_return Kept::kBroken;
    case BodyPart::Kind::kData:
      break;
  }
  next_ = part.next;
  kept_.insert(kept_.end(), part.data.begin(), part.data.end());
  if (!guest_.hold_body(part.data.size())) co_return Kept::kGuestFull;
  held_ += part.data.size();
  co_return Kept::kMore;
}

BodyPart::Next PrefixedBody::behind_kept() {
  if (given_ < kept_.size()) return BodyPart::Next::kBuffered;
  if (last_ == BodyPart::Kind::kData) return next_;
  return last_ == BodyPart::Kind::kEnd && trailers().empty() ? BodyPart::Next::kEnd : BodyPart::Next::kBuffered;
}

asio::awaitable<BodyPart> PrefixedBody::read_body() {
  if (given_ < kept_.size()) {
    // In pieces, each of which has a deadline of its own.
    const Bytes piece = Bytes(kept_).subspan(given_, std::min(kPiece, kept_.size() - given_));
    given_ += piece.size();
    co_return BodyPart{.kind = BodyPart::Kind::kData, .data = piece, .next = behind_kept()};
  }
  std::vector<std::uint8_t>().swap(kept_);
  given_ = 0;
  release();
  if (last_ == BodyPart::Kind::kData) co_return co_await body_.read_body();
  co_return BodyPart{.kind = last_};
}

}  // namespace enforcer::proxy
