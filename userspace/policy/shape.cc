#include "policy/shape.h"

namespace enforcer::policy {
namespace {

/// "allow, review or deny".
std::string in_words(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace

std::string Shape::to_string() const {
  if (!called.empty()) return std::string(called);
  switch (kind) {
    case Kind::kText:
    case Kind::kScalar:
      return "text";
    case Kind::kTruth:
      return "true or false";
    case Kind::kNumber:
      return "number";
    case Kind::kSize:
      return "size";
    case Kind::kDuration:
      return "duration";
    case Kind::kTime:
      return "time in UTC";
    case Kind::kChoice:
      return in_words(words);
    case Kind::kList:
      return "list";
    case Kind::kMapping:
    case Kind::kObject:
    case Kind::kOneKey:
    case Kind::kEither:
    case Kind::kOpen:
      return "mapping";
  }
  return "";
}

}  // namespace enforcer::policy
