// PipePool: the pipes that splice(2) needs, lent while bytes flow.
//
// hostd makes them: an unprivileged user gets 64 pipes of 1 MiB, then silently 8 KiB ones, but pipes made and sized by
// root are not charged to the receiver. 1 MiB because the default 64 KiB costs a quarter of the throughput on veth. An
// idle relay holds none; a guest holds at most kPerGuest and half of all, and who gets none copies through the worker's
// buffer instead: slower, never stuck.
//
// Belongs to one worker; not thread-safe.
#pragma once

#include <span>
#include <vector>

#include "base/fd.h"

namespace enforcer::proxy {

struct Pipe {
  Fd read_end;
  Fd write_end;
};

class PipePool {
 public:
  static constexpr int kPerGuest = 8;

  /// An empty pipe, or an invalid one when all are lent or the guest has its share already.
  Pipe lend(int& lent_to_guest);
  /// Takes an empty pipe back.
  void give_back(Pipe pipe, int& lent_to_guest);
  /// A relay died with so many bytes in its pipe: they are thrown away, by way of `scratch`.
  void give_back_full(Pipe pipe, std::size_t bytes, std::span<char> scratch, int& lent_to_guest);
  /// Adds a pipe that hostd made.
  void add(Pipe pipe);

 private:
  std::vector<Pipe> free_;
  int total_ = 0;  ///< lent ones included
};

}  // namespace enforcer::proxy
