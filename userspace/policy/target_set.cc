#include "policy/target_set.h"

#include <algorithm>

namespace enforcer::policy {

bool is_single(const Target& target) {
  return target.host() ? target.host()->exact() : target.block()->mapped_length() == 128;
}

void TargetSet::add(Member member) {
  const TargetEntry entry{.rule = static_cast<std::uint32_t>(members_.size()),
                          .port = member.target->port.value_or(Port{0}),
                          .except = false};
  if (member.target->host()) {
    hosts_.add(*member.target->host(), entry);
  } else {
    addresses_.add(*member.target->block(), entry);
  }
  members_.push_back(member);
}

void TargetSet::seal() {
  hosts_.seal();
  addresses_.seal();
}

MatchList TargetSet::matching(const Target& target) const {
  MatchList matches;
  if (target.host()) {
    hosts_.find(target.host()->example(), matches);
  } else {
    addresses_.find(target.block()->network(), matches);
  }
  return matches;
}

std::vector<TargetSet::Member> TargetSet::covering(const Target& target) const {
  std::vector<Member> found;
  for (const auto run : matching(target).runs) {
    for (const TargetEntry& entry : run) {
      if (members_[entry.rule].target->covers(target)) found.push_back(members_[entry.rule]);
    }
  }
  return found;
}

const TargetSet::Member* TargetSet::overlapping(const Target& target) const {
  const auto overlaps = [&](const Member& member) { return member.target->overlaps(target); };
  if (!is_single(target)) {
    const auto found = std::ranges::find_if(members_, overlaps);
    return found == members_.end() ? nullptr : &*found;
  }
  for (const auto run : matching(target).runs) {
    for (const TargetEntry& entry : run) {
      if (overlaps(members_[entry.rule])) return &members_[entry.rule];
    }
  }
  return nullptr;
}

bool TargetSet::mentions(const HostName& name) const {
  MatchList matches;
  hosts_.find(name, matches);
  return !matches.runs.empty();
}

}  // namespace enforcer::policy
