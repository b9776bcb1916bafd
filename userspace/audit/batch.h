// Batch: the records of one worker. Everything appended during one turn of the worker's loop goes out together:
//
//   session A: append(decision); co_await commit() ─┐
//   session B: append(decision); co_await commit() ─┼─ the turn ends ─ one write(2) ─ A and B go on (or deny: invariant
//   3) session C: append(end)                          ─┘
//
// The end of the turn is a handler posted to the worker's io_context by the first append. Denials need no wait: deny()
// is fire and forget, and folds repetitions (folding.h); its timer runs only while something is folded.
//
// Belongs to one worker and its thread. Lives as long as its io_context runs; the io_context is destroyed after it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "audit/record.h"
#include "base/result.h"

namespace boost::asio {
class io_context;
}

namespace enforcer::audit {

class Log;

class Batch {
 public:
  Batch(boost::asio::io_context& io, Log& log);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  /// Takes the record now (its views may die) and writes it at the end of this turn.
  void append(const DecisionRecord& record);
  void append(const EndRecord& record);
  void append(const EventRecord& record);
  void append(const DatapathRecord& record);

  /// Waits until what was just appended is written (no other wait may come between); the error of the write otherwise:
  /// the caller denies with audit_unavailable. Await it at once. Takes one turn of the loop; cannot be cancelled. At
  /// once when there is nothing to write.
  boost::asio::awaitable<Result<>> commit();

  /// Records a denial without a wait. The id that the log knows it by, to be told to the guest: the record's own, or
  /// that of the denial which it repeats.
  DecisionId deny(const DecisionRecord& record);

  /// Writes everything now, the summaries of what is folded included, and wakes who waits. For the end of the worker.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace enforcer::audit
