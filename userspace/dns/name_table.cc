#include "dns/name_table.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/bytes.h"

namespace enforcer::dns {
namespace {

// "address name\n" at its longest, with room to spare; a file beyond capacity times this is not ours.
constexpr std::size_t kMaxLine = 320;

IpAddress offset_by(const IpAddress& network, std::size_t offset) {
  auto bytes = network.bytes();
  for (std::size_t at = bytes.size(); offset != 0 && at-- > 0; offset >>= 8) {
    offset += bytes[at];
    bytes[at] = static_cast<std::uint8_t>(offset);
  }
  return IpAddress(bytes);
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

Result<std::unique_ptr<NameTable>> NameTable::open(const Cidr& block, const std::string& file) {
  const int host_bits = 128 - block.mapped_length();
  if (host_bits < 64 && (std::uint64_t{1} << host_bits) <= kCapacity) {
    return fail(Errc::kInvalid,
                fmt::format("synthetic block {} holds fewer than {} addresses", block.to_string(), kCapacity + 1));
  }
  Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return fail_errno("open " + file);
  // No make_unique: the constructor is private, so that every table there is was loaded.
  std::unique_ptr<NameTable> table(new NameTable(block, std::move(fd)));
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

/// Line n is the n-th entry: its address follows from its place, and is written down so that a changed block is
/// noticed.
Result<> NameTable::load_line(std::string_view line) {
  const std::size_t index = indices_.size();
  if (index == kCapacity) return fail(Errc::kInvalid, "more names than a table holds");
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return fail(Errc::kInvalid, "expected 'address name'");
  if (line.substr(0, space) != address_at(index).to_string()) {
    return fail(Errc::kInvalid, "expected the address " + address_at(index).to_string());
  }
  const HostName name = TRY(HostName::parse(line.substr(space + 1)));
  if (name.text() != line.substr(space + 1)) return fail(Errc::kInvalid, "name is not canonical");
  if (indices_.contains(name)) return fail(Errc::kInvalid, "name occurs twice");
  publish(name, index);
  return {};
}

Result<std::optional<IpAddress>> NameTable::issue(const HostName& name) {
  if (const auto known = indices_.find(name); known != indices_.end()) return address_at(known->second);
  const std::size_t index = indices_.size();
  if (index == kCapacity) return std::nullopt;
  TRY_VOID(append(name, index));
  publish(name, index);
  return address_at(index);
}

Result<> NameTable::append(const HostName& name, std::size_t index) {
  const std::string line = fmt::format("{} {}\n", address_at(index).to_string(), name.text());
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
  if (!block_.contains(address)) return std::nullopt;
  // The distance from the network address: the block may be IPv6, so only the low 32 bits are taken and checked by the
  // way back.
  ByteReader tail(Bytes(address.bytes()).last(4));
  ByteReader base(Bytes(block_.network().bytes()).last(4));
  const std::uint32_t offset = tail.u32() - base.u32();
  if (offset == 0 || offset > kCapacity || address_at(offset - 1) != address) return std::nullopt;
  const HostName* const name = slots_[offset - 1].load(std::memory_order_acquire);
  if (name == nullptr) return std::nullopt;
  return *name;
}

/// Entry 0 has address 1 of the block: the network address itself stays unused.
IpAddress NameTable::address_at(std::size_t index) const {
  return offset_by(block_.network(), index + 1);
}

}  // namespace enforcer::dns
