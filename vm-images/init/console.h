// What init says, on the console.
#pragma once

#include <string_view>

#include "base/result.h"

namespace enforcer::guest {

void say(std::string_view message);

/// Says what failed, if it did.
template <class T>
void report(std::string_view step, const Result<T>& result) {
  if (!result) say(std::string(step) + ": " + result.error().message);
}

}  // namespace enforcer::guest
