#include "pages/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "config/config.h"
#include "policy/document_reader.h"

namespace enforcer::pages {
namespace {

using policy::FieldShape;
using policy::Need;
using policy::Shape;

std::string words_for(const Shape& shape) {
  constexpr std::uint64_t kAsGoodAsAny = 1'000'000'000;
  if (shape.kind != Shape::Kind::kNumber) return shape.to_string();
  if (shape.most >= kAsGoodAsAny) return fmt::format("{}, at least {}", shape.to_string(), shape.least);
  return fmt::format("{} from {} to {}", shape.to_string(), shape.least, shape.most);
}

bool has_fields(const Shape& shape) {
  return shape.fields != nullptr && (shape.kind == Shape::Kind::kObject || shape.kind == Shape::Kind::kOneKey);
}

void add_once(std::vector<std::string>& into, const std::string& text) {
  if (std::ranges::find(into, text) == into.end()) into.push_back(text);
}

/// An object that waits to become a section or a part of one.
struct Waiting {
  std::string title;
  std::string note;
  std::string place;
  std::string list;  ///< the key that it stands under
  std::vector<FieldShape> fields;
};

class Collector {
 public:
  void add(Waiting object) { waiting_.push_back(std::move(object)); }

  /// A key that all objects of its section have is in no list in particular.
  std::vector<Section> finish() {
    while (!waiting_.empty()) {
      const Waiting next = std::move(waiting_.front());
      waiting_.pop_front();
      take(next);
    }
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      for (Key& key : sections_[i].keys) {
        if (key.in.size() == lists_[i].size()) key.in.clear();
      }
    }
    return std::move(sections_);
  }

 private:
  void take(const Waiting& object) {
    auto found = std::ranges::find(sections_, object.title, &Section::title);
    if (found == sections_.end()) {
      sections_.push_back({object.title, {}, object.note, {}});
      lists_.emplace_back();
      found = sections_.end() - 1;
    }
    Section& section = *found;
    if (!object.place.empty()) add_once(section.places, object.place);
    add_once(lists_[static_cast<std::size_t>(found - sections_.begin())], object.list);
    for (const FieldShape& field : object.fields) {
      auto key = std::ranges::find(section.keys, field.key, &Key::name);
      if (key == section.keys.end()) {
        section.keys.push_back({std::string(field.key),
                                field.need == Need::kRequired,
                                words_for(field.shape),
                                std::string(field.shape.example),
                                std::string(field.about),
                                {}});
        key = section.keys.end() - 1;
      }
      add_once(key->in, object.list);
      descend(object, field);
    }
  }

  void descend(const Waiting& object, const FieldShape& field) {
    const bool list = field.shape.kind == Shape::Kind::kList;
    const Shape& shape = list ? *field.shape.item : field.shape;
    if (!has_fields(shape)) return;
    const std::string from = object.place.empty() || object.title.contains(' ') ? object.place : object.title;
    const std::string place = fmt::format("{}{}{}{}", from, from.empty() ? "" : ".", field.key, list ? "[]" : "");
    const bool named = !shape.definition.empty();
    waiting_.push_back({named ? shape.to_string() : place, shape.kind == Shape::Kind::kOneKey ? "Exactly one of:" : "",
                        place, std::string(field.key), shape.fields()});
  }

  std::deque<Waiting> waiting_;
  std::vector<Section> sections_;
  std::vector<std::vector<std::string>> lists_;  ///< of each section: where its objects stand
};

Root spec_of(const policy::KindShape& kind) {
  return {fmt::format("spec of a {}", kind.kind), std::string(kind.about), "spec", kind.fields()};
}

}  // namespace

std::vector<Section> sections_of(const std::vector<Root>& roots) {
  Collector collector;
  for (const Root& root : roots) collector.add({root.title, root.note, root.place, "", root.fields});
  return collector.finish();
}

std::vector<Section> policy_sections() {
  const auto& kinds = policy::kind_shapes();
  return sections_of({{"every object", "", "", policy::envelope_fields()}, spec_of(kinds[0]), spec_of(kinds[1])});
}

std::vector<Section> credential_sections() {
  return sections_of({spec_of(policy::kind_shapes()[2])});
}

std::vector<Section> config_sections() {
  return sections_of({{"the configuration", "Every key may be left out.", "", config::config_fields()}});
}

}  // namespace enforcer::pages
