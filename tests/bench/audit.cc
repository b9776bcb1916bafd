// bench_audit FOLDER RECORDS: what a record of the audit log costs; JSON lines.
//
// For each number of records that share one write (as those of one turn of a worker's loop do): records a second, and
// the processor time of each, user and system, from the record to the page cache. What is on the disk is read back: as
// many records as were written, with numbers in order and without a gap, or the program ends with status 1.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "audit/log.h"
#include "audit/record.h"

namespace {

using enforcer::DecisionId;
using enforcer::Epoch;
using enforcer::GuestName;
using enforcer::Labels;
using enforcer::Monotonic;
using enforcer::Port;
using enforcer::WallClock;
using namespace enforcer::audit;

constexpr std::size_t kTogether[] = {1, 8, 64};

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

bool write_records(Log& log, std::size_t records, std::size_t together) {
  const GuestName guest = *GuestName::parse("builder-7");
  const Labels labels{{"role", "agent"}};
  Lines lines;
  for (std::size_t written = 0; written < records; written += together) {
    lines.clear();
    for (std::size_t i = 0; i < together; ++i) {
      const DecisionRecord record{.id = DecisionId::make(),
                                  .subject = {.guest = &guest, .epoch = Epoch{1}, .labels = &labels},
                                  .layer = enforcer::policy::Layer::kTls,
                                  .decision = {.reason = enforcer::policy::Reason::kNoRule, .would = {}},
                                  .generation = 1,
                                  .sni = "not-on-the-list.test",
                                  .host = "not-on-the-list.test",
                                  .port = Port{443}};
      lines.add(WallClock::now(), [&](std::string& out) { append_body(out, record); });
    }
    if (!log.write(lines)) return false;
  }
  return log.sync().has_value();
}

/// Whether the file has the records first to first + count - 1, in order.
bool has_records(const std::string& path, std::size_t count) {
  std::ifstream file(path);
  std::size_t expected = 1;
  for (std::string line; std::getline(file, line); ++expected) {
    if (!line.starts_with(fmt::format("{{\"schema_version\":1,\"seq\":{},", expected)) || !line.ends_with('}'))
      return false;
  }
  return expected == count + 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: bench_audit FOLDER RECORDS\n");
    return 2;
  }
  for (const std::size_t together : kTogether) {
    const std::string path = fmt::format("{}/{}/audit.jsonl", argv[1], together);
    const std::size_t records = std::strtoull(argv[2], nullptr, 10) / together * together;
    auto log = Log::open({.path = path});
    const double cpu = processor_seconds();
    const auto begun = Monotonic::now();
    if (!log || !write_records(**log, records, together)) {
      fmt::print(stderr, "bench_audit: cannot write {}\n", path);
      return 1;
    }
    const std::chrono::duration<double> taken = Monotonic::now() - begun;
    const double used = processor_seconds() - cpu;
    if (!has_records(path, records)) {
      fmt::print(stderr, "bench_audit: {} is not what was written\n", path);
      return 1;
    }
    fmt::print("{{\"together\":{},\"records_per_second\":{:.0f},\"cpu_ns\":{:.0f},\"bytes\":{}}}\n", together,
               static_cast<double>(records) / taken.count(), used * 1e9 / static_cast<double>(records),
               std::filesystem::file_size(path) / records);
  }
}
