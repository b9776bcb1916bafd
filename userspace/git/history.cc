#include "git/history.h"

#include <utility>

namespace enforcer::git {

bool History::ask(const ObjectId& before, const ObjectId& after) {
  if (questions_.size() == kMaxQuestions) return false;
  Question& question = questions_.emplace_back(Question{.before = before, .reached = {after}});
  question.shown = before == after;
  open_ += question.shown ? 0 : 1;
  return true;
}

bool History::add(const ObjectId& commit, std::vector<ObjectId> parents) {
  const std::size_t more = 1 + parents.size();
  if (more > kMaxKnown - known_) return false;
  if (!parents_.emplace(commit, std::move(parents)).second) return true;  // the same name holds the same
  known_ += more;
  for (Question& question : questions_) {
    if (!question.shown && question.reached.contains(commit)) walk(question, commit);
    if (reached_ > kMaxReached) return false;
  }
  return true;
}

/// On from a commit that is reached and has just become known.
void History::walk(Question& question, const ObjectId& from) {
  std::vector<ObjectId> ahead{from};
  while (!ahead.empty() && !question.shown) {
    const auto found = parents_.find(ahead.back());
    ahead.pop_back();
    if (found == parents_.end()) continue;
    for (const ObjectId& parent : found->second) reach(question, parent, ahead);
  }
  if (!question.shown) return;
  reached_ -= question.reached.size() - 1;  // the new commit was not counted
  question.reached.clear();
  --open_;
}

void History::reach(Question& question, const ObjectId& commit, std::vector<ObjectId>& ahead) {
  if (!question.reached.insert(commit).second) return;
  ++reached_;
  question.shown = question.shown || commit == question.before;
  ahead.push_back(commit);
}

}  // namespace enforcer::git
