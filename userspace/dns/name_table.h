// NameTable: which synthetic address stands for which name, for one guest.
//
// A guest never learns a real address. Each name it may use gets the next address of the synthetic block, and that
// address means that name until the guest ends: clients cache for ever. So the table only grows, up to 4,096 names, and
// every entry is in the guest's state file before the guest hears of it; a restart finds the same table.
//
// One writer (worker 0 answers DNS), any number of readers (each worker looks up destinations). An entry is published
// by one release store of a pointer to a name that never moves and never changes; readers take no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "base/host_name.h"
#include "base/ip.h"
#include "base/result.h"

namespace enforcer::dns {

class NameTable {
 public:
  static constexpr std::size_t kCapacity = 4096;

  /// The table kept in `file`, which is made (0600) when missing. A last line without its newline was torn by a crash,
  /// was never told to the guest, and is dropped; anything else that is not exactly what we wrote is kInvalid, with
  /// file and line: an address that changed its meaning is worse than a guest without egress. `block` must hold more
  /// than kCapacity addresses.
  static Result<std::unique_ptr<NameTable>> open(const Cidr& block, const std::string& file);

  /// The address of a name, issued now if it has none. Nothing: the table is full (deny `limit_names`). An error: the
  /// entry could not be written down, and the name has no address. Only from the one writer.
  Result<std::optional<IpAddress>> issue(const HostName& name);

  /// The name an address was issued for. From any thread.
  [[nodiscard]] std::optional<HostName> name_of(const IpAddress& address) const;

  /// Is this an address of the block, issued or not? From any thread.
  [[nodiscard]] bool covers(const IpAddress& address) const { return block_.contains(address); }

  /// How many names have an address. Only from the one writer.
  [[nodiscard]] std::size_t size() const { return indices_.size(); }

 private:
  NameTable(const Cidr& block, Fd file) : block_(block), file_(std::move(file)) {}

  Result<> load(const std::string& file);
  Result<> load_line(std::string_view line);
  Result<> append(const HostName& name, std::size_t index);
  void publish(const HostName& name, std::size_t index);
  [[nodiscard]] IpAddress address_at(std::size_t index) const;

  Cidr block_;
  Fd file_;
  std::uint64_t file_size_ = 0;
  std::unordered_map<HostName, std::size_t> indices_;  // nodes never move: slots_ points at their keys
  std::array<std::atomic<const HostName*>, kCapacity> slots_{};
};

}  // namespace enforcer::dns
