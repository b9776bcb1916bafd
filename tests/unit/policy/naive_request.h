// The naive reference's idea of requests: what each of kNaiveMatchers means and how it is written.
#pragma once

#include <string>

#include "policy/facts.h"

namespace enforcer::policy::test::naive {

enum Truth { kNo, kCannotSee, kCannotTell, kYes };  // again, because the library's own is what is tested

/// `objects`: the rule denies or reviews.
Truth naive_ask(const std::string& matcher, bool objects, const RequestFacts& request);

/// Of the requests that the tests make: these two in these spellings.
bool naive_brings_credential(const RequestFacts& request);
bool naive_mints(const RequestFacts& request);

std::string naive_matcher_yaml(const std::string& matcher);

}  // namespace enforcer::policy::test::naive
