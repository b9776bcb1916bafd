// PushReader: what a push asks for, read from the front of a git-receive-pack request, before its pack
// (gitprotocol-pack(5) "Reference Update Request", in the pkt-lines of gitprotocol-common(5)):
//
//   *shallow            "shallow" SP id
//   1*command           old SP new SP ref; behind a NUL, capabilities
//   flush
//   [ push options, flush ]   where a command's capabilities say so
//   [ pack ]                  not read here
//
// What an origin might read differently, or would refuse, is malformed: ids of two sorts, names that are none of refs
// (git-check-ref-format(1)). So is a signed push, whose commands are inside of a certificate. A flush alone is a push
// of nothing: git asks with one whether it may push.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "git/object_id.h"

namespace enforcer::git {

struct Command {
  ObjectId before;  ///< what the client says that the ref is; the origin refuses the command when it is not. Zero: new
  ObjectId after;   ///< zero: the ref is deleted
  std::string ref;  ///< "refs/heads/main", well-formed; may be of any letters and no ASCII
};

struct Push {
  std::vector<Command> commands;
  std::size_t size = 0;  ///< octets up to the pack
};

class PushReader {
 public:
  struct NeedMore {};
  struct Malformed {
    std::string_view what;  ///< a literal
  };
  using Outcome = std::variant<NeedMore, Push, Malformed>;

  /// Takes the octets that arrived since the last call, which may be some of the pack's. After anything but NeedMore
  /// the reader is done: further calls say Malformed.
  Outcome feed(Bytes arrived);

  static constexpr std::size_t kMaxSize = std::size_t{1} << 20;
  static constexpr std::size_t kMaxCommands = 10'000;

 private:
  enum class Section : std::uint8_t { kCommands, kOptions, kOver };

  Outcome packet(std::string_view content);
  Outcome command(std::string_view line);
  Outcome flush();
  Outcome malformed(std::string_view what);

  std::string held_;  ///< the part of a packet that has come
  Push push_;
  Section section_ = Section::kCommands;
  std::size_t id_size_ = 0;  ///< of the first id
  enum class Options : std::uint8_t { kNone, kFollow };
  Options options_ = Options::kNone;
};

}  // namespace enforcer::git
