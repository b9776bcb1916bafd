#include "datapath.h"

#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>

#include "guest_egress.skel.h"
#include "guest_ingress.skel.h"

namespace enforcer::bpf_test {
namespace {

template <typename Key, typename Value>
void update(const bpf_map* map, const Key& key, const Value& value) {
  REQUIRE(bpf_map_update_elem(bpf_map__fd(map), &key, &value, BPF_ANY) == 0);
}

Outcome test_run(int program, const Bytes& frame, std::uint32_t ifindex, std::uint32_t mark, int repeat) {
  std::array<std::uint8_t, 4096> out{};
  __sk_buff context{};
  context.ifindex = ifindex;
  context.mark = mark;
  __sk_buff context_out{};
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<__u32>(frame.size());
  options.data_out = out.data();
  options.data_size_out = out.size();
  options.ctx_in = &context;
  options.ctx_size_in = sizeof(context);
  options.ctx_out = &context_out;
  options.ctx_size_out = sizeof(context_out);
  options.repeat = repeat;
  REQUIRE(bpf_prog_test_run_opts(program, &options) == 0);
  return {static_cast<int>(options.retval), Bytes(out.begin(), out.begin() + options.data_size_out), context_out.mark,
          options.duration};
}

}  // namespace

Datapath::Datapath() {
  egress_ = guest_egress__open_and_load();
  REQUIRE(egress_ != nullptr);
  // As hostd does it: the second object uses the first one's maps.
  ingress_ = guest_ingress__open();
  REQUIRE(ingress_ != nullptr);
  REQUIRE(bpf_map__reuse_fd(ingress_->maps.guests, bpf_map__fd(egress_->maps.guests)) == 0);
  REQUIRE(bpf_map__reuse_fd(ingress_->maps.counters, bpf_map__fd(egress_->maps.counters)) == 0);
  REQUIRE(guest_ingress__load(ingress_) == 0);
  add_counters(0);
}

Datapath::~Datapath() {
  guest_ingress__destroy(ingress_);
  guest_egress__destroy(egress_);
}

int Datapath::egress_fd() const {
  return bpf_program__fd(egress_->progs.guest_egress);
}

int Datapath::ingress_fd() const {
  return bpf_program__fd(ingress_->progs.guest_ingress);
}

void Datapath::add_guest(std::uint32_t ifindex, const enforcer_guest& guest) {
  update(egress_->maps.guests, ifindex, guest);
}

void Datapath::add_counters(std::uint32_t slot) {
  std::vector<enforcer_counters> zero(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  REQUIRE(bpf_map_update_elem(bpf_map__fd(egress_->maps.counters), &slot, zero.data(), BPF_ANY) == 0);
}

void Datapath::remove_counters(std::uint32_t slot) {
  REQUIRE(bpf_map_delete_elem(bpf_map__fd(egress_->maps.counters), &slot) == 0);
}

enforcer_counters Datapath::counters(std::uint32_t slot) const {
  std::vector<enforcer_counters> per_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  REQUIRE(bpf_map_lookup_elem(bpf_map__fd(egress_->maps.counters), &slot, per_cpu.data()) == 0);
  enforcer_counters sum{};
  for (const auto& one : per_cpu) {
    for (int i = 0; i < ENFORCER_DROP_REASON_COUNT; ++i) sum.drops[i] += one.drops[i];
    for (int i = 0; i < ENFORCER_VERDICT_COUNT; ++i) sum.verdicts[i] += one.verdicts[i];
    sum.egress_bytes += one.egress_bytes;
    sum.ingress_bytes += one.ingress_bytes;
  }
  return sum;
}

void Datapath::set_workers(std::uint32_t workers) {
  update(egress_->maps.steering, std::uint32_t{0}, enforcer_steering{.workers = workers});
}

void Datapath::set_listener(std::uint32_t worker, int socket) {
  update(egress_->maps.listeners, worker, static_cast<std::uint64_t>(socket));
}

void Datapath::set_dns_socket(int socket) {
  update(egress_->maps.dns_socket, std::uint32_t{0}, static_cast<std::uint64_t>(socket));
}

void Datapath::set_budgets(std::uint32_t slot, const enforcer_budgets& budgets) {
  update(egress_->maps.budgets, slot, budgets);
}

void Datapath::attach(std::uint32_t ifindex) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  REQUIRE(bpf_tc_hook_create(&hook) == 0);
  for (auto [point, program] : {std::pair{BPF_TC_INGRESS, egress_->progs.guest_egress},
                                std::pair{BPF_TC_EGRESS, ingress_->progs.guest_ingress}}) {
    bpf_tc_opts filter{};
    filter.sz = sizeof(filter);
    filter.prog_fd = bpf_program__fd(program);
    filter.handle = 1;
    filter.priority = 1;
    hook.attach_point = point;
    REQUIRE(bpf_tc_attach(&hook, &filter) == 0);
  }
}

Outcome Datapath::run_egress(const Bytes& frame, std::uint32_t ifindex, int repeat) {
  return test_run(egress_fd(), frame, ifindex, 0, repeat);
}

Outcome Datapath::run_ingress(const Bytes& frame, std::uint32_t ifindex, std::uint32_t mark, int repeat) {
  return test_run(ingress_fd(), frame, ifindex, mark, repeat);
}

enforcer_counters operator-(const enforcer_counters& after, const enforcer_counters& before) {
  enforcer_counters difference{};
  for (int i = 0; i < ENFORCER_DROP_REASON_COUNT; ++i) difference.drops[i] = after.drops[i] - before.drops[i];
  for (int i = 0; i < ENFORCER_VERDICT_COUNT; ++i) difference.verdicts[i] = after.verdicts[i] - before.verdicts[i];
  difference.egress_bytes = after.egress_bytes - before.egress_bytes;
  difference.ingress_bytes = after.ingress_bytes - before.ingress_bytes;
  return difference;
}

std::uint64_t sum_of_verdicts(const enforcer_counters& counters) {
  std::uint64_t sum = 0;
  for (auto count : counters.verdicts) sum += count;
  return sum;
}

std::uint64_t sum_of_drops(const enforcer_counters& counters) {
  std::uint64_t sum = 0;
  for (auto count : counters.drops) sum += count;
  return sum;
}

}  // namespace enforcer::bpf_test
