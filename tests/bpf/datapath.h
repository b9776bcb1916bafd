// The loaded programs in a network namespace of their own, and what one frame did to the counters.
//
// Two ways to show a frame to a program:
//   run_egress/run_ingress   BPF_PROG_TEST_RUN: any bytes, at once, and the frame that came out can be looked at.
//   Wire (wire.h)            a veth with the programs attached and sockets behind it: what only a real device has.
// What BPF_PROG_TEST_RUN does and does not do, found out by trying (kernel 6.18):
//   - __sk_buff.ifindex in ctx_in selects a device of the caller's namespace, which must exist; the program sees it as
//     skb->ifindex, so one veth that is down is all that identity needs. ifindex 0 means lo.
//   - frames that end inside the Ethernet or IP header are refused (EINVAL) and never reach the program.
//   - skb->mark can be set and is returned; VLAN metadata can not, and a tag in the bytes stays in the bytes.
//   - skb->sk is a dummy full socket of no protocol.
//   - bpf_sk_assign answers EOPNOTSUPP, because the skb is not at tc ingress. A frame that would be steered therefore
//     ends in sk_assign_fail, behind every other check: that is what Bench::steers() asserts.
#pragma once

#include <memory>

#include "abi.h"
#include "packet.h"

struct guest_egress;
struct guest_ingress;

namespace enforcer::bpf_test {

inline constexpr std::uint32_t kSlot = 7;
inline constexpr std::uint32_t kMark = ENFORCER_MARK_MAGIC | kSlot;

// A network namespace; the constructor makes it, nothing enters it until enter().
class Netns {
 public:
  Netns();
  ~Netns();
  Netns(const Netns&) = delete;
  Netns& operator=(const Netns&) = delete;
  void enter() const;
  // For ip(8), which takes a path as the name of a namespace.
  [[nodiscard]] std::string path() const;

 private:
  int fd_;
};

// Runs a shell command in the current namespace and requires that it succeeds.
void shell(const std::string& command);
void write_sysctl(const std::string& name, std::string_view value);
std::uint32_t interface_index(const char* name);

// The record hostd would write for the test guest.
enforcer_guest test_guest();
std::array<std::uint8_t, 16> ipv6_bytes(const char* text);
std::uint32_t ipv4_bytes(const char* text);

struct Outcome {
  int action = 0;
  Bytes frame;
  std::uint32_t mark = 0;
  std::uint32_t nanoseconds = 0;  // of one run
};

class Datapath {
 public:
  Datapath();
  ~Datapath();
  Datapath(const Datapath&) = delete;
  Datapath& operator=(const Datapath&) = delete;

  void add_guest(std::uint32_t ifindex, const enforcer_guest& guest);
  void add_counters(std::uint32_t slot);
  void remove_counters(std::uint32_t slot);
  // Sums over the CPUs.
  [[nodiscard]] enforcer_counters counters(std::uint32_t slot) const;
  void set_workers(std::uint32_t workers);
  void set_listener(std::uint32_t worker, int socket);
  void set_dns_socket(int socket);
  void set_budgets(std::uint32_t slot, const enforcer_budgets& budgets);
  // tc (clsact) on an interface of the current namespace, both programs.
  void attach(std::uint32_t ifindex);

  // Repeated, every run begins with what the one before left of the frame; the outcome is the last one's.
  Outcome run_egress(const Bytes& frame, std::uint32_t ifindex, int repeat = 1);
  Outcome run_ingress(const Bytes& frame, std::uint32_t ifindex, std::uint32_t mark, int repeat = 1);

  [[nodiscard]] int egress_fd() const;
  [[nodiscard]] int ingress_fd() const;

 private:
  struct guest_egress* egress_ = nullptr;
  struct guest_ingress* ingress_ = nullptr;
};

// What became of the frames since `before`; counters only ever rise.
enforcer_counters operator-(const enforcer_counters& after, const enforcer_counters& before);
std::uint64_t sum_of_verdicts(const enforcer_counters& counters);
std::uint64_t sum_of_drops(const enforcer_counters& counters);

// A namespace with one link that belongs to the test guest (slot 7), and helpers that assert what one frame did.
class Bench {
 public:
  Bench();
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // The frame is dropped in silence: this reason and the verdict DROPPED rise by one, nothing else rises at all.
  void drops(const Bytes& frame, enforcer_drop_reason reason);
  void drops(const Packet& packet, enforcer_drop_reason reason) { drops(packet.bytes(), reason); }
  // The positive control: every check passed, only the socket could not be assigned here.
  void steers(const Bytes& frame) { drops(frame, ENFORCER_DROP_SK_ASSIGN_FAIL); }
  void steers(const Packet& packet) { steers(packet.bytes()); }
  // Handed to the kernel as ARP or ND, with the guest's mark.
  void passes_as_neighbour(const Packet& packet);
  // Answered; returns the answer.
  Bytes rejects(const Packet& packet, enforcer_drop_reason reason);
  void delivers(const Packet& packet, std::uint32_t mark = kMark);
  void refuses_delivery(const Packet& packet, std::uint32_t mark = kMark,
                        enforcer_drop_reason reason = ENFORCER_DROP_INGRESS_FOREIGN);

  // As when enforcerd dies.
  void close_listener();
  void close_dns_socket();

  Datapath& datapath() { return datapath_; }
  [[nodiscard]] std::uint32_t ifindex() const { return ifindex_; }

 private:
  Outcome run_one(const Bytes& frame, enforcer_verdict verdict, std::optional<enforcer_drop_reason> reason);
  void run_one_ingress(const Packet& packet, std::uint32_t mark, enforcer_verdict verdict, enforcer_drop_reason reason);

  Netns netns_;
  Datapath datapath_;
  std::uint32_t ifindex_ = 0;
  int listener_ = -1;
  int dns_ = -1;
};

}  // namespace enforcer::bpf_test
