#include "http/http2_memory.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/secret.h"

namespace enforcer::http {
namespace {

void* allocate(std::size_t size, void*) {
  return std::malloc(size);
}

void give_back(void* memory, void*) {
  if (memory != nullptr) wipe({static_cast<char*>(memory), malloc_usable_size(memory)});
  std::free(memory);
}

void* allocate_zeros(std::size_t count, std::size_t size, void*) {
  return std::calloc(count, size);
}

void* allocate_again(void* memory, std::size_t size, void*) {
  void* const larger = std::malloc(size);
  if (larger == nullptr || memory == nullptr) return larger;
  std::memcpy(larger, memory, std::min(size, malloc_usable_size(memory)));
  give_back(memory, nullptr);
  return larger;
}

}  // namespace

nghttp2_mem wiped_memory() {
  return {.mem_user_data = nullptr,
          .malloc = allocate,
          .free = give_back,
          .calloc = allocate_zeros,
          .realloc = allocate_again};
}

}  // namespace enforcer::http
