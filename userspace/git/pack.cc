#include "git/pack.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

#include "git/commit.h"
#include "git/delta.h"

namespace enforcer::git {
namespace {

constexpr std::size_t kHeadSize = 12;
constexpr std::uint8_t kGoesOn = 0x80;
constexpr unsigned kFirstSizeBits = 4;
constexpr unsigned kSizeBits = 7;
constexpr unsigned kMaxShift = 56;  // sizes and offsets below 2^60

}  // namespace

/// zlib's state, made once for all objects.
struct PackReader::Inflate {
  Inflate() : ready(inflateInit(&stream) == Z_OK ? State::kReady : State::kNoMemory) {}
  ~Inflate() {
    if (ready == State::kReady) inflateEnd(&stream);
  }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  enum class State : std::uint8_t { kReady, kNoMemory };
  z_stream stream{};
  std::array<std::uint8_t, std::size_t{16} << 10> room{};
  State ready;
};

PackReader::PackReader(std::size_t id_size, History& into)
    : into_(into), id_size_(id_size), inflate_(std::make_unique<Inflate>()) {
  if (inflate_->ready != Inflate::State::kReady) progress_ = Progress::kCannotRead;
}

PackReader::~PackReader() = default;

PackReader::Progress PackReader::feed(Bytes arrived) {
  while (progress_ == Progress::kNeedMore && !arrived.empty()) take(arrived);
  return progress_;
}

void PackReader::take(Bytes& arrived) {
  switch (step_) {
    case Step::kHead:
      return take_head(arrived);
    case Step::kSize:
      return take_size(arrived);
    case Step::kOffset:
      return take_offset(arrived);
    case Step::kBase:
      return take_base(arrived);
    case Step::kData:
      return take_data(arrived);
  }
}

std::uint8_t PackReader::next(Bytes& arrived) {
  const std::uint8_t octet = arrived.front();
  arrived = arrived.subspan(1);
  ++at_;
  return octet;
}

/// "PACK", the version, how many objects.
void PackReader::take_head(Bytes& arrived) {
  head_ += static_cast<char>(next(arrived));
  if (head_.size() < kHeadSize) return;
  ByteReader reader(as_bytes(head_));
  const bool is_pack = as_text(reader.take(4)) == "PACK";
  const std::uint32_t version = reader.u32();
  left_ = reader.u32();
  head_.clear();
  if (!is_pack || (version != 2 && version != 3)) {
    progress_ = Progress::kCannotRead;
  } else if (left_ == 0) {
    progress_ = Progress::kOver;
  }
  step_ = Step::kSize;
}

/// The type and the first four bits of the size, then seven bits an octet.
void PackReader::take_size(Bytes& arrived) {
  if (type_ == Type::kNone) began_ = at_;
  const std::uint8_t octet = next(arrived);
  if (type_ == Type::kNone) {
    type_ = static_cast<Type>(octet >> kFirstSizeBits & 7U);
    size_ = octet & 0xfU;
    shift_ = kFirstSizeBits;
    if (type_ == Type::kNone || type_ == Type::kReserved) {
      progress_ = Progress::kCannotRead;
      return;
    }
  } else {
    size_ |= static_cast<std::uint64_t>(octet & ~kGoesOn) << shift_;
    shift_ += kSizeBits;
  }
  if ((octet & kGoesOn) != 0) {
    if (shift_ > kMaxShift) progress_ = Progress::kCannotRead;
    return;
  }
  shift_ = 0;
  back_ = 0;
  base_name_.reset();
  step_ = type_ == Type::kOffsetDelta ? Step::kOffset : type_ == Type::kNamedDelta ? Step::kBase : Step::kData;
  if (step_ == Step::kData) begin_data();
}

/// Seven bits an octet, the highest first; each octet but the last adds one to what stands before it.
void PackReader::take_offset(Bytes& arrived) {
  const std::uint8_t octet = next(arrived);
  back_ = back_ << kSizeBits | (octet & ~kGoesOn & 0xffU);
  shift_ += kSizeBits;
  if ((octet & kGoesOn) == 0) {
    step_ = Step::kData;
    return begin_data();
  }
  ++back_;
  if (shift_ > kMaxShift) progress_ = Progress::kCannotRead;
}

void PackReader::take_base(Bytes& arrived) {
  head_ += static_cast<char>(next(arrived));
  if (head_.size() < id_size_) return;
  base_name_ = ObjectId::from(as_bytes(head_));
  head_.clear();
  step_ = Step::kData;
  begin_data();
}

/// The commit that the object is a delta of; null: of another object, or of none that is known.
const std::string* PackReader::base() const {
  std::uint64_t place = began_ - std::min(back_, began_);
  if (type_ == Type::kNamedDelta) {
    const auto named = places_.find(*base_name_);
    if (named == places_.end()) return nullptr;
    place = named->second;
  }
  const auto found = commits_.find(place);
  return found == commits_.end() ? nullptr : &found->second;
}

void PackReader::begin_data() {
  const bool delta = type_ == Type::kOffsetDelta || type_ == Type::kNamedDelta;
  const bool wanted = type_ == Type::kCommit || (delta && base() != nullptr);
  use_ = wanted && size_ <= kMaxCommit ? Use::kRead : Use::kSkipped;
  inflated_here_ = 0;
  content_.clear();
  if (inflateReset(&inflate_->stream) != Z_OK) progress_ = Progress::kCannotRead;
}

void PackReader::take_data(Bytes& arrived) {
  z_stream& stream = inflate_->stream;
  const auto offered = static_cast<uInt>(std::min<std::size_t>(arrived.size(), std::size_t{1} << 20));
  stream.next_in = const_cast<Bytef*>(arrived.data());
  stream.avail_in = offered;
  stream.next_out = inflate_->room.data();
  stream.avail_out = static_cast<uInt>(inflate_->room.size());
  const int result = inflate(&stream, Z_NO_FLUSH);
  const std::size_t made = inflate_->room.size() - stream.avail_out;
  arrived = arrived.subspan(offered - stream.avail_in);
  at_ += offered - stream.avail_in;
  inflated_here_ += made;
  inflated_ += made;
  const bool fine = result == Z_OK || result == Z_STREAM_END;
  if (!fine || inflated_here_ > size_ || inflated_ > kMaxInflated) {
    progress_ = Progress::kCannotRead;
    return;
  }
  if (use_ == Use::kRead) content_ += as_text(Bytes(inflate_->room).first(made));
  if (result == Z_STREAM_END) object_over();
}

void PackReader::object_over() {
  if (inflated_here_ != size_) {
    progress_ = Progress::kCannotRead;
    return;
  }
  if (use_ == Use::kRead && type_ == Type::kCommit) {
    keep_commit(std::exchange(content_, {}));
  } else if (use_ == Use::kRead) {
    auto made = apply_delta(*base(), as_bytes(content_), kMaxCommit);
    content_.clear();
    if (made) keep_commit(*std::move(made));
  }
  type_ = Type::kNone;
  step_ = Step::kSize;
  if (--left_ == 0 && progress_ == Progress::kNeedMore) progress_ = Progress::kOver;
}

void PackReader::keep_commit(std::string content) {
  hashed_ += content.size();  // a delta of a few octets makes a commit of any size
  if (hashed_ > kMaxHashed) {
    progress_ = Progress::kCannotRead;
    return;
  }
  auto parents = parents_of(content, id_size_);
  if (!parents) return;  // no commit that could show anything
  const ObjectId name = ObjectId::of_commit(content, id_size_);
  if (!into_.add(name, *std::move(parents))) {
    progress_ = Progress::kCannotRead;
    return;
  }
  if (content.size() > kMaxKept - kept_) return;
  kept_ += content.size();
  places_.emplace(name, began_);
  commits_.emplace(began_, std::move(content));
}

}  // namespace enforcer::git
