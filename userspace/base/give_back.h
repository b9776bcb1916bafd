// give_back: empties a buffer and frees its memory. `buffer = {}` only empties it: between an initializer list and a
// new vector the list wins ([over.ics.rank]), and assigning an empty list keeps the capacity.
#pragma once

#include <vector>

namespace enforcer {

template <class T>
void give_back(std::vector<T>& buffer) {
  buffer = std::vector<T>();
}

}  // namespace enforcer
