#include <doctest/doctest.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath.h"

namespace enforcer::bpf_test {
namespace {

constexpr std::array kReasonNames{
#define X(name, label, text) label,
    ENFORCER_DROP_REASONS(X)
#undef X
};

int any_socket(int type) {
  int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof(any)) == 0);
  if (type == SOCK_STREAM) REQUIRE(listen(fd, 8) == 0);
  return fd;
}

}  // namespace

Bench::Bench() {
  netns_.enter();
  shell("ip link add g7 type veth peer name peer");
  ifindex_ = interface_index("g7");
  datapath_.add_guest(ifindex_, test_guest());
  datapath_.add_counters(kSlot);
  listener_ = any_socket(SOCK_STREAM);
  dns_ = any_socket(SOCK_DGRAM);
  datapath_.set_listener(0, listener_);
  datapath_.set_dns_socket(dns_);
  datapath_.set_workers(1);
}

Bench::~Bench() {
  close_listener();
  close_dns_socket();
}

void Bench::close_listener() {
  if (listener_ >= 0) close(listener_);
  listener_ = -1;
}

void Bench::close_dns_socket() {
  if (dns_ >= 0) close(dns_);
  dns_ = -1;
}

Outcome Bench::run_one(const Bytes& frame, enforcer_verdict verdict, std::optional<enforcer_drop_reason> reason) {
  auto before = datapath_.counters(kSlot);
  auto nobody = datapath_.counters(0);
  Outcome outcome = datapath_.run_egress(frame, ifindex_);
  auto change = datapath_.counters(kSlot) - before;
  for (int i = 0; i < ENFORCER_DROP_REASON_COUNT; ++i) {
    INFO("reason ", kReasonNames.at(static_cast<std::size_t>(i)));
    CHECK(change.drops[i] == (reason == static_cast<enforcer_drop_reason>(i) ? 1 : 0));
  }
  CHECK(change.verdicts[verdict] == 1);
  CHECK(sum_of_verdicts(change) == 1);
  CHECK(change.egress_bytes == frame.size());
  CHECK(change.ingress_bytes == 0);
  CHECK(sum_of_verdicts(datapath_.counters(0) - nobody) == 0);
  return outcome;
}

void Bench::drops(const Bytes& frame, enforcer_drop_reason reason) {
  CHECK(run_one(frame, ENFORCER_VERDICT_DROPPED, reason).action == TC_ACT_SHOT);
}

void Bench::passes_as_neighbour(const Packet& packet) {
  Outcome outcome = run_one(packet.bytes(), ENFORCER_VERDICT_NEIGHBOUR, std::nullopt);
  CHECK(outcome.action == TC_ACT_OK);
  CHECK(outcome.mark == kMark);
}

Bytes Bench::rejects(const Packet& packet, enforcer_drop_reason reason) {
  Outcome outcome = run_one(packet.bytes(), ENFORCER_VERDICT_REJECTED, reason);
  CHECK(outcome.action == TC_ACT_REDIRECT);
  CHECK(outcome.mark == kMark);
  return outcome.frame;
}

/// `reason` is what a frame that is not delivered is dropped for.
void Bench::run_one_ingress(const Packet& packet, std::uint32_t mark, enforcer_verdict verdict,
                            enforcer_drop_reason reason) {
  const Bytes frame = packet.bytes();
  const bool delivered = verdict == ENFORCER_VERDICT_DELIVERED;
  auto before = datapath_.counters(kSlot);
  Outcome outcome = datapath_.run_ingress(frame, ifindex_, mark);
  auto change = datapath_.counters(kSlot) - before;
  CHECK(outcome.action == (delivered ? TC_ACT_OK : TC_ACT_SHOT));
  CHECK(outcome.frame == frame);
  CHECK(change.verdicts[verdict] == 1);
  CHECK(sum_of_verdicts(change) == 1);
  CHECK(sum_of_drops(change) == (delivered ? 0 : 1));
  CHECK(change.drops[reason] == (delivered ? 0 : 1));
  CHECK(change.ingress_bytes == (delivered ? frame.size() : 0));
}

void Bench::delivers(const Packet& packet, std::uint32_t mark) {
  run_one_ingress(packet, mark, ENFORCER_VERDICT_DELIVERED, ENFORCER_DROP_INGRESS_FOREIGN);
}

void Bench::refuses_delivery(const Packet& packet, std::uint32_t mark, enforcer_drop_reason reason) {
  run_one_ingress(packet, mark, ENFORCER_VERDICT_DROPPED, reason);
}

}  // namespace enforcer::bpf_test
