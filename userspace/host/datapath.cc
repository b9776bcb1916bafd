#include "host/datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <guest_egress.skel.h>
#include <guest_ingress.skel.h>
#include <tap_join.skel.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

#include "abi.h"
#include "base/log.h"

namespace enforcer::host {
namespace {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* skeleton) const {
    destroy(skeleton);
  }
};

/// The verifier's words, when a program is refused. Elsewhere libbpf also complains about what is expected.
int log_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  const std::string_view line(text);
  log_warning("{}", line.substr(0, line.find_last_not_of('\n') + 1));
  return 0;
}

/// Loads an object with its maps pinned: what another object, or another run, pinned there is used.
Result<> load_object(bpf_object* object, const PinFolder& pins) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__is_internal(map)) continue;
    if (bpf_map__set_pin_path(map, pins.map(bpf_map__name(map)).c_str()) != 0)
      return fail_errno("bpf_map__set_pin_path");
  }
  if (const int error = bpf_object__load(object); error != 0) {
    return fail(Errc::kUnavailable, fmt::format("the kernel refuses the BPF program {}: {}", bpf_object__name(object),
                                                std::strerror(-error)));
  }
  return {};
}

template <class Value>
Result<> put(int map, std::uint32_t key, const Value& value, const char* name) {
  if (bpf_map_update_elem(map, &key, &value, BPF_ANY) != 0) return fail_errno(fmt::format("cannot write map {}", name));
  return {};
}

/// A zero on every CPU, unless the slot has been counting already.
Result<> start_counting(int map, std::uint32_t slot) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return fail(Errc::kIo, "cannot count the CPUs");
  static_assert(sizeof(enforcer_counters) % 8 == 0, "the kernel rounds each CPU's value up to eight bytes");
  const std::vector<enforcer_counters> zeros(static_cast<std::size_t>(cpus));
  if (bpf_map_update_elem(map, &slot, zeros.data(), BPF_NOEXIST) != 0 && errno != EEXIST) {
    return fail_errno("cannot write map counters");
  }
  return {};
}

void copy_ipv4(std::uint32_t& to, const IpAddress& from) {
  std::memcpy(&to, from.bytes().data() + 12, sizeof to);
}
void copy_ipv6(std::uint8_t (&to)[16], const IpAddress& from) {
  std::memcpy(to, from.bytes().data(), sizeof to);
}
void copy_mac(std::uint8_t (&to)[6], const Mac& from) {
  std::memcpy(to, from.bytes.data(), sizeof to);
}

enforcer_guest entry_of(const GuestAddresses& addresses, const GuestRates& rates) {
  enforcer_guest guest{};
  guest.connects_per_second = rates.connects_per_second;
  guest.queries_per_second = rates.queries_per_second;
  guest.slot = static_cast<std::uint32_t>(addresses.slot);
  copy_ipv4(guest.gateway_ipv4, addresses.gateway_ipv4);
  copy_ipv4(guest.guest_ipv4, addresses.ipv4);
  copy_ipv6(guest.gateway_ipv6, addresses.gateway_ipv6);
  copy_ipv6(guest.guest_ipv6, addresses.ipv6);
  copy_mac(guest.guest_mac, addresses.mac);
  copy_mac(guest.gateway_mac, addresses.gateway_mac);
  return guest;
}

std::vector<std::uint32_t> keys_of(int map) {
  std::vector<std::uint32_t> keys;
  std::uint32_t key = 0;
  for (const void* previous = nullptr; bpf_map_get_next_key(map, previous, &key) == 0; previous = &keys.back()) {
    keys.push_back(key);
  }
  return keys;
}

}  // namespace

struct Datapath::Objects {
  std::unique_ptr<::guest_egress, Destroy<guest_egress__destroy>> egress;
  std::unique_ptr<::guest_ingress, Destroy<guest_ingress__destroy>> ingress;
  std::unique_ptr<::tap_join, Destroy<tap_join__destroy>> join;
};

Datapath::Datapath(std::unique_ptr<Objects> objects, GuestRates rates) : objects_(std::move(objects)), rates_(rates) {}
Datapath::Datapath(Datapath&&) noexcept = default;
Datapath& Datapath::operator=(Datapath&&) noexcept = default;
Datapath::~Datapath() = default;

Result<Datapath> Datapath::load(const PinFolder& pins, GuestRates rates) {
  auto objects = std::make_unique<Objects>();
  objects->egress.reset(guest_egress__open());
  objects->ingress.reset(guest_ingress__open());
  objects->join.reset(tap_join__open());
  if (!objects->egress || !objects->ingress || !objects->join) return fail_errno("cannot open the BPF objects");
  libbpf_set_print(log_libbpf);
  Result<> loaded;
  for (bpf_object* object : {objects->egress->obj, objects->ingress->obj, objects->join->obj}) {
    if (loaded) loaded = load_object(object, pins);
  }
  libbpf_set_print(nullptr);
  if (!loaded) return std::unexpected(loaded.error());
  Datapath datapath(std::move(objects), rates);
  TRY_VOID(start_counting(datapath.map("counters"), 0));  // what belongs to nobody
  return datapath;
}

int Datapath::guest_egress() const {
  return bpf_program__fd(objects_->egress->progs.guest_egress);
}
int Datapath::guest_ingress() const {
  return bpf_program__fd(objects_->ingress->progs.guest_ingress);
}
int Datapath::tap_to_eth() const {
  return bpf_program__fd(objects_->join->progs.tap_to_eth);
}
int Datapath::eth_to_tap() const {
  return bpf_program__fd(objects_->join->progs.eth_to_tap);
}

int Datapath::map(const char* name) const {
  const int fd = bpf_object__find_map_fd_by_name(objects_->egress->obj, name);
  ENFORCER_CHECK(fd >= 0);
  return fd;
}

Result<> Datapath::start_steering(const Listeners& listeners) {
  ENFORCER_CHECK(!listeners.tcp.empty() && listeners.tcp.size() <= ENFORCER_MAX_WORKERS);
  for (std::uint32_t worker = 0; worker < listeners.tcp.size(); ++worker) {
    const auto socket = static_cast<std::uint64_t>(listeners.tcp[worker].get());
    TRY_VOID(put(map("listeners"), worker, socket, "listeners"));
  }
  TRY_VOID(put(map("dns_socket"), 0, static_cast<std::uint64_t>(listeners.dns.get()), "dns_socket"));
  const enforcer_steering steering{.workers = static_cast<std::uint32_t>(listeners.tcp.size())};
  return put(map("steering"), 0, steering, "steering");
}

Result<> Datapath::stop_steering() {
  return put(map("steering"), 0, enforcer_steering{.workers = 0}, "steering");
}

bool Datapath::steers(unsigned workers) const {
  std::uint32_t key = 0;
  enforcer_steering steering{};
  std::uint64_t cookie = 0;  // what a sockmap tells of a socket
  if (bpf_map_lookup_elem(map("steering"), &key, &steering) != 0 || steering.workers != workers) return false;
  if (bpf_map_lookup_elem(map("dns_socket"), &key, &cookie) != 0) return false;
  for (; key < workers; ++key) {
    if (bpf_map_lookup_elem(map("listeners"), &key, &cookie) != 0) return false;
  }
  return true;
}

Result<> Datapath::add_guest(std::uint32_t interface_index, const GuestAddresses& addresses) {
  TRY_VOID(start_counting(map("counters"), static_cast<std::uint32_t>(addresses.slot)));
  return put(map("guests"), interface_index, entry_of(addresses, rates_), "guests");
}

bool Datapath::knows_guest(std::uint32_t interface_index, const GuestAddresses& addresses) const {
  const enforcer_guest expected = entry_of(addresses, rates_);
  enforcer_guest found{};
  if (bpf_map_lookup_elem(map("guests"), &interface_index, &found) != 0) return false;
  std::vector<enforcer_counters> counts(static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus())));
  return bpf_map_lookup_elem(map("counters"), &expected.slot, counts.data()) == 0 &&
         std::memcmp(&found, &expected, sizeof found) == 0;  // abi.h: no hidden padding
}

void Datapath::remove_guest(std::uint32_t interface_index, Slot slot) {
  const auto number = static_cast<std::uint32_t>(slot);
  bpf_map_delete_elem(map("guests"), &interface_index);
  bpf_map_delete_elem(map("counters"), &number);
  bpf_map_delete_elem(map("budgets"), &number);
}

Result<> Datapath::keep_only(const std::set<Slot>& known) {
  for (const std::uint32_t index : keys_of(map("guests"))) {
    enforcer_guest guest{};
    if (bpf_map_lookup_elem(map("guests"), &index, &guest) != 0 || known.contains(Slot{guest.slot})) continue;
    remove_guest(index, Slot{guest.slot});
  }
  for (const std::uint32_t slot : keys_of(map("counters"))) {
    if (slot != 0 && !known.contains(Slot{slot})) bpf_map_delete_elem(map("counters"), &slot);
  }
  return {};
}

Result<Fd> Datapath::read_only_counters() const {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(map("counters"), &info, &size) != 0) return fail_errno("cannot identify map counters");
  bpf_get_fd_by_id_opts options{};
  options.sz = sizeof options;
  options.open_flags = BPF_F_RDONLY;
  Fd fd(bpf_map_get_fd_by_id_opts(info.id, &options));
  if (!fd.valid()) return fail_errno("cannot open map counters for reading");
  return fd;
}

}  // namespace enforcer::host
