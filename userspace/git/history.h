// History: which updates of refs are shown to be fast-forwards by commits that a push brings.
//
// A commit's name is the hash of what it holds, its parents' names among it. So where a chain of parents leads from the
// new commit to the old one, the update only adds to what was there, whoever sent the commits. Where none does, nothing
// is shown: the chain may go on through commits that the origin has and the push does not bring.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "git/object_id.h"

namespace enforcer::git {

class History {
 public:
  /// Asks about one more update; before the first commit. False: about too many.
  bool ask(const ObjectId& before, const ObjectId& after);

  /// A commit that was read. False: too many of them or of their parents; nothing more is to be added.
  bool add(const ObjectId& commit, std::vector<ObjectId> parents);

  /// Of the question asked as the `number`th, from 0 on.
  [[nodiscard]] bool shown(std::size_t number) const { return questions_[number].shown; }
  [[nodiscard]] bool all_shown() const { return open_ == 0; }

  /// About how much memory it takes, in octets.
  [[nodiscard]] std::size_t held() const { return (known_ + reached_) * kPerId; }

  static constexpr std::size_t kMaxQuestions = 32;
  static constexpr std::size_t kMaxKnown = 50'000;     ///< commits and parents together
  static constexpr std::size_t kMaxReached = 100'000;  ///< by all questions, each of which may reach everything

 private:
  static constexpr std::size_t kPerId = 96;  ///< with its place in a tree

  struct Question {
    ObjectId before;
    std::set<ObjectId> reached;  ///< from the new commit, that one included
    bool shown = false;
  };
  void walk(Question& question, const ObjectId& from);
  void reach(Question& question, const ObjectId& commit, std::vector<ObjectId>& ahead);

  std::vector<Question> questions_;
  std::map<ObjectId, std::vector<ObjectId>> parents_;
  std::size_t known_ = 0;
  std::size_t reached_ = 0;
  std::size_t open_ = 0;
};

}  // namespace enforcer::git
