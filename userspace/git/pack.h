// PackReader: the commits of a pack as it comes (gitformat-pack(5)): their names and their parents, into a History. Git
// puts commits first, so what a push's fast-forwards need is seldom more than the front of its pack.
//
// All other objects are only inflated, which is how their end is found. A commit that is kept as a delta is made whole
// where its base is a commit that stands before it in the pack, as git writes them. What is damaged ends the reading:
// what it would have shown is not shown.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "git/history.h"
#include "git/object_id.h"

namespace enforcer::git {

class PackReader {
 public:
  /// `id_size`: of the names in the push's commands. `into` outlives the reader.
  PackReader(std::size_t id_size, History& into);
  ~PackReader();
  PackReader(const PackReader&) = delete;
  PackReader& operator=(const PackReader&) = delete;

  enum class Progress : std::uint8_t {
    kNeedMore,
    kOver,       ///< all objects were read
    kCannotRead  ///< damaged, or beyond what is read of one
  };
  /// Takes the octets that arrived since the last call. After anything but kNeedMore the reader is done and says so
  /// again.
  Progress feed(Bytes arrived);

  /// About how much memory it takes, beside its history, in octets.
  [[nodiscard]] std::size_t held() const { return kept_ + places_.size() * kPerCommit + content_.size(); }

  static constexpr std::size_t kMaxCommit = std::size_t{256} << 10;
  static constexpr std::size_t kMaxKept = std::size_t{2} << 20;       ///< of commits that others may be deltas of
  static constexpr std::size_t kMaxInflated = std::size_t{64} << 20;  ///< about a quarter of a second
  static constexpr std::size_t kMaxHashed = std::size_t{16} << 20;    ///< of commits, those that deltas make among them

 private:
  static constexpr std::size_t kPerCommit = 192;  ///< with its places in two trees
  enum class Step : std::uint8_t { kHead, kSize, kOffset, kBase, kData };
  enum class Type : std::uint8_t { kNone, kCommit, kTree, kBlob, kTag, kReserved, kOffsetDelta, kNamedDelta };
  struct Inflate;

  void take(Bytes& arrived);
  void take_head(Bytes& arrived);
  void take_size(Bytes& arrived);
  void take_offset(Bytes& arrived);
  void take_base(Bytes& arrived);
  void take_data(Bytes& arrived);
  std::uint8_t next(Bytes& arrived);
  void begin_data();
  void object_over();
  void keep_commit(std::string content);
  [[nodiscard]] const std::string* base() const;

  History& into_;
  const std::size_t id_size_;
  std::unique_ptr<Inflate> inflate_;
  Progress progress_ = Progress::kNeedMore;
  Step step_ = Step::kHead;
  std::uint64_t at_ = 0;    ///< octets of the pack that were taken
  std::string head_;        ///< the part of the pack's head, or of a base's name, that has come
  std::uint32_t left_ = 0;  ///< objects
  // The object that is being read:
  std::uint64_t began_ = 0;
  Type type_ = Type::kNone;
  std::uint64_t size_ = 0;
  unsigned shift_ = 0;
  std::uint64_t back_ = 0;  ///< kOffsetDelta: how far its base is before it
  std::optional<ObjectId> base_name_;
  enum class Use : std::uint8_t { kSkipped, kRead };
  Use use_ = Use::kSkipped;
  std::uint64_t inflated_here_ = 0;
  std::string content_;
  // All of them:
  std::uint64_t inflated_ = 0;
  std::uint64_t hashed_ = 0;
  std::size_t kept_ = 0;
  std::map<std::uint64_t, std::string> commits_;  ///< by where they began
  std::map<ObjectId, std::uint64_t> places_;
};

}  // namespace enforcer::git
