// What the tests of the audit log share: a folder that goes away, lines to write, the file read back as JSON.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "../temporary_folder.h"
#include "audit/lines.h"
#include "audit/log.h"
#include "audit/record.h"

namespace enforcer::audit {

inline const GuestName& guest() {
  static const GuestName name = *GuestName::parse("builder-7");
  return name;
}

struct Folder : TemporaryFolder {
  [[nodiscard]] std::string log() const { return file("audit.jsonl"); }
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path, std::ios::binary);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

/// Every line must be one JSON object.
inline std::vector<nlohmann::json> records_of(const std::string& path) {
  std::vector<nlohmann::json> records;
  for (const std::string& line : lines_of(path)) {
    CAPTURE(line);
    REQUIRE(nlohmann::json::accept(line));
    records.push_back(nlohmann::json::parse(line));
  }
  return records;
}

/// The numbers of the records, which must be in order and without a gap, beginning with `first`.
inline void check_sequence(const std::vector<nlohmann::json>& records, std::uint64_t first = 1) {
  for (const auto& record : records) CHECK(record["seq"].get<std::uint64_t>() == first++);
}

/// `count` event records of about 100 + `padding` bytes.
inline Lines some_lines(std::size_t count, std::size_t padding = 0) {
  Lines lines;
  const std::string detail(padding, 'x');
  for (std::size_t i = 0; i < count; ++i) {
    lines.add(WallClock::now(), [&](std::string& out) {
      append_body(out, EventRecord{.event = "test", .detail = detail, .generation = i + 1});
    });
  }
  return lines;
}

inline std::unique_ptr<Log> open_log(LogOptions options) {
  auto log = Log::open(std::move(options));
  REQUIRE_MESSAGE(log.has_value(), (log ? "" : log.error().message));
  return std::move(*log);
}

}  // namespace enforcer::audit
