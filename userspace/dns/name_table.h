// NameTable: which synthetic addresses stand for which name, for one guest.
//
// A guest never learns a real address. Each name it may use gets the next address of the synthetic block of each
// family, and these mean that name until the guest ends: clients cache for ever. So the table only grows, up to 4,096
// names, and every entry is in the guest's state file before the guest hears of it; a restart finds the same table.
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

/// Where synthetic addresses come from.
struct SyntheticBlocks {
  Cidr ipv4;
  Cidr ipv6;
};

/// What a name resolves to inside a guest: an IPv4 and an IPv6 address.
using SyntheticAddresses = std::array<IpAddress, 2>;

class NameTable {
 public:
  static constexpr std::size_t kCapacity = 4096;

  /// The table kept in `file`, which is made (0600) when missing. A last line without its newline was torn by a crash,
  /// was never told to the guest, and is dropped; anything else that is not exactly what we wrote is kInvalid, with
  /// file and line: an address that changed its meaning is worse than a guest without egress. Each block must hold more
  /// than kCapacity addresses.
  static Result<std::unique_ptr<NameTable>> open(const SyntheticBlocks& blocks, const std::string& file);

  /// The addresses of a name, issued now if it has none. Nothing: the table is full (deny `limit_names`). An error: the
  /// entry could not be written down, and the name has no address. Only from the one writer.
  Result<std::optional<SyntheticAddresses>> issue(const HostName& name);

  /// The name has its addresses already. Only from the one writer.
  [[nodiscard]] bool knows(const HostName& name) const { return indices_.contains(name); }

  /// The name an address was issued for. From any thread.
  [[nodiscard]] std::optional<HostName> name_of(const IpAddress& address) const;

  /// Is this an address of the blocks, issued or not? From any thread.
  [[nodiscard]] bool covers(const IpAddress& address) const { return block_of(address).contains(address); }

  /// How many names have an address. Only from the one writer.
  [[nodiscard]] std::size_t size() const { return indices_.size(); }

 private:
  NameTable(const SyntheticBlocks& blocks, Fd file) : blocks_(blocks), file_(std::move(file)) {}

  Result<> load(const std::string& file);
  Result<> load_line(std::string_view line);
  Result<> append(const HostName& name, std::size_t index);
  void publish(const HostName& name, std::size_t index);
  [[nodiscard]] SyntheticAddresses addresses_at(std::size_t index) const;
  [[nodiscard]] const Cidr& block_of(const IpAddress& address) const {
    return address.is_v4() ? blocks_.ipv4 : blocks_.ipv6;
  }

  SyntheticBlocks blocks_;
  Fd file_;
  std::uint64_t file_size_ = 0;
  std::unordered_map<HostName, std::size_t> indices_;  // nodes never move: slots_ points at their keys
  std::array<std::atomic<const HostName*>, kCapacity> slots_{};
};

}  // namespace enforcer::dns
