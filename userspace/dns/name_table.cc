#include "dns/name_table.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/bytes.h"

namespace enforcer::dns {
namespace {

// "address address name\n" at its longest, with room to spare; a file beyond capacity times this is not ours.
constexpr std::size_t kMaxLine = 360;

/// The network address itself stays unused: entry 0 has address 1 of the block.
IpAddress address_at(const Cidr& block, std::size_t index) {
  auto bytes = block.network().bytes();
  std::size_t offset = index + 1;
  for (std::size_t at = bytes.size(); offset != 0 && at-- > 0; offset >>= 8) {
    offset += bytes[at];
    bytes[at] = static_cast<std::uint8_t>(offset);
  }
  return IpAddress(bytes);
}

std::string line_start(const SyntheticAddresses& addresses) {
  return fmt::format("{} {} ", addresses[0].to_string(), addresses[1].to_string());
}

Result<std::string> read_all(int fd, std::size_t size) {
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = pread(fd, text.data() + done, size - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read");
    if (count == 0) return fail(Errc::kIo, "file shrank while it was read");
    done += static_cast<std::size_t>(count);
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<NameTable>> NameTable::open(const SyntheticBlocks& blocks, const std::string& file) {
  for (const Cidr& block : {blocks.ipv4, blocks.ipv6}) {
    const int host_bits = 128 - block.mapped_length();
    if (host_bits < 64 && (std::uint64_t{1} << host_bits) <= kCapacity) {
      return fail(Errc::kInvalid,
                  fmt::format("synthetic block {} holds fewer than {} addresses", block.to_string(), kCapacity + 1));
    }
  }
  Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return fail_errno("open " + file);
  // No make_unique: the constructor is private, so that every table there is was loaded.
  std::unique_ptr<NameTable> table(new NameTable(blocks, std::move(fd)));
  TRY_VOID(table->load(file));
  return table;
}

Result<> NameTable::load(const std::string& file) {
  struct stat status{};
  if (fstat(file_.get(), &status) != 0) return fail_errno("stat " + file);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, file + ": not a regular file");
  if (static_cast<std::uint64_t>(status.st_size) > kCapacity * kMaxLine)
    return fail(Errc::kInvalid, file + ": too large");
  auto text = read_all(file_.get(), static_cast<std::size_t>(status.st_size));
  if (!text) return fail_in(file, text.error());
  std::string_view rest = *text;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    if (const auto loaded = load_line(rest.substr(0, end)); !loaded) {
      return fail_in(fmt::format("{}:{}", file, indices_.size() + 1), loaded.error());
    }
    rest.remove_prefix(end + 1);
  }
  file_size_ = text->size() - rest.size();
  if (!rest.empty() && ftruncate(file_.get(), static_cast<off_t>(file_size_)) != 0)
    return fail_errno("truncate " + file);
  return {};
}

/// Line n is the n-th entry: its addresses follow from its place, and are written down so that a changed block is
/// noticed.
Result<> NameTable::load_line(std::string_view line) {
  const std::size_t index = indices_.size();
  if (index == kCapacity) return fail(Errc::kInvalid, "more names than a table holds");
  const std::string expected = line_start(addresses_at(index));
  if (!line.starts_with(expected)) return fail(Errc::kInvalid, "expected '" + expected + "' and a name");
  const HostName name = TRY(HostName::parse(line.substr(expected.size())));
  if (name.text() != line.substr(expected.size())) return fail(Errc::kInvalid, "name is not canonical");
  if (indices_.contains(name)) return fail(Errc::kInvalid, "name occurs twice");
  publish(name, index);
  return {};
}

Result<std::optional<SyntheticAddresses>> NameTable::issue(const HostName& name) {
  if (const auto known = indices_.find(name); known != indices_.end()) return addresses_at(known->second);
  const std::size_t index = indices_.size();
  if (index == kCapacity) return std::nullopt;
  TRY_VOID(append(name, index));
  publish(name, index);
  return addresses_at(index);
}

Result<> NameTable::append(const HostName& name, std::size_t index) {
  const std::string line = fmt::format("{}{}\n", line_start(addresses_at(index)), name.text());
  ssize_t written = -1;
  do {
    written = write(file_.get(), line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(line.size())) {
    file_size_ += line.size();
    return {};
  }
  auto failure =
      written < 0 ? fail_errno("write the name table") : fail(Errc::kIo, "write the name table: no space left");
  // Half a line must not become the beginning of the next one. If this fails too, so will the next write or reload,
  // loudly.
  if (ftruncate(file_.get(), static_cast<off_t>(file_size_)) != 0) failure = fail_errno("truncate the name table");
  return failure;
}

void NameTable::publish(const HostName& name, std::size_t index) {
  const auto entry = indices_.emplace(name, index).first;
  slots_[index].store(&entry->first, std::memory_order_release);
}

std::optional<HostName> NameTable::name_of(const IpAddress& address) const {
  const Cidr& block = block_of(address);
  if (!block.contains(address)) return std::nullopt;
  // The distance from the network address: only the low 32 bits are taken, and checked by the way back.
  ByteReader tail(Bytes(address.bytes()).last(4));
  ByteReader base(Bytes(block.network().bytes()).last(4));
  const std::uint32_t offset = tail.u32() - base.u32();
  if (offset == 0 || offset > kCapacity || address_at(block, offset - 1) != address) return std::nullopt;
  const HostName* const name = slots_[offset - 1].load(std::memory_order_acquire);
  if (name == nullptr) return std::nullopt;
  return *name;
}

SyntheticAddresses NameTable::addresses_at(std::size_t index) const {
  return {address_at(blocks_.ipv4, index), address_at(blocks_.ipv6, index)};
}

}  // namespace enforcer::dns
