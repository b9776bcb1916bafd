#include "host/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "host/filters.h"

namespace enforcer::host {
namespace {

// From Linux 6.6's UAPI, newer than the headers this is built with.
constexpr std::uint32_t kTcxIngress = 46;
constexpr std::uint32_t kTcxEgress = 47;
constexpr std::uint32_t kBefore = 1U << 3;  // BPF_F_BEFORE, without a relative: in front of all

// Any fixed handle, so that the filter is found again; the lowest priority number runs first.
constexpr std::uint32_t kFilterHandle = 1;
constexpr std::uint32_t kFilterPriority = 1;

constexpr std::uint32_t kLoopback = 1;

/// What BPF_LINK_CREATE takes for a TCX link; libbpf 1.1 does not know it yet.
struct TcxLinkCreate {
  std::uint32_t program;
  std::uint32_t interface_index;
  std::uint32_t attach_type;
  std::uint32_t flags;
  std::uint32_t relative;
  std::uint32_t padding;
  std::uint64_t expected_revision;
};
static_assert(sizeof(TcxLinkCreate) == 32);

std::uint32_t attach_type(Direction direction) {
  return direction == Direction::kIngress ? kTcxIngress : kTcxEgress;
}

int create_tcx_link(std::uint32_t interface_index, Direction direction, int program) {
  TcxLinkCreate attributes{};
  attributes.program = static_cast<std::uint32_t>(program);
  attributes.interface_index = interface_index;
  attributes.attach_type = attach_type(direction);
  attributes.flags = kBefore;
  return static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes));
}

/// What BPF_PROG_QUERY takes for TCX.
struct TcxQuery {
  std::uint32_t interface_index;
  std::uint32_t attach_type;
  std::uint32_t query_flags;
  std::uint32_t attach_flags;
  std::uint64_t programs;  ///< address of an array of `count` program ids
  std::uint32_t count;
  std::uint32_t padding;
  std::uint64_t program_flags;
  std::uint64_t links;
  std::uint64_t link_flags;
  std::uint64_t revision;
};
static_assert(sizeof(TcxQuery) == 64);

/// The program that runs first there; 0: none, or the kernel does not tell.
std::uint32_t first_tcx_program(std::uint32_t interface_index, Direction direction) {
  std::uint32_t programs[64] = {};  // no more can be attached (BPF_MPROG_MAX)
  TcxQuery attributes{};
  attributes.interface_index = interface_index;
  attributes.attach_type = attach_type(direction);
  attributes.programs = reinterpret_cast<std::uint64_t>(&programs);
  attributes.count = std::size(programs);
  return syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes) == 0 ? programs[0] : 0;
}

struct TcxLink {
  std::uint32_t interface_index = 0;  ///< 0: the interface is gone, or the link was detached
  std::uint32_t program_id = 0;
};

TcxLink inspect(const Fd& link, Direction direction) {
  bpf_link_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) return {};
  // Since 6.6 the union holds {u32 ifindex; u32 attach_type} for TCX, at the place of every other link's details.
  struct {
    std::uint32_t interface_index;
    std::uint32_t type;
  } tcx{};
  static_assert(sizeof info.netns == sizeof tcx);
  std::memcpy(&tcx, &info.netns, sizeof tcx);
  if (tcx.type != attach_type(direction)) return {};
  return {.interface_index = tcx.interface_index, .program_id = info.prog_id};
}

Result<std::uint32_t> program_id(int program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return fail_errno("cannot identify a BPF program");
  return info.id;
}

Result<Fd> attach_tcx(const Attachment::Place& place, int program) {
  if (Fd pinned(bpf_obj_get(place.pin.c_str())); pinned.valid()) {
    const TcxLink link = inspect(pinned, place.direction);
    const bool here = link.interface_index == place.interface_index;
    if (here && first_tcx_program(place.interface_index, place.direction) == link.program_id) {
      if (bpf_link_update(pinned.get(), program, nullptr) != 0) return fail_errno("cannot replace a TCX program");
      return pinned;
    }
    // Of an interface that is gone, or somebody else's program got in front.
    bpf_link_detach(pinned.get());
    if (unlink(place.pin.c_str()) != 0) return fail_errno(place.pin);
  }
  Fd link(create_tcx_link(place.interface_index, place.direction, program));
  if (!link.valid()) return fail_errno(fmt::format("cannot attach BPF to interface {}", place.interface_index));
  if (bpf_obj_pin(link.get(), place.pin.c_str()) != 0) return fail_errno(fmt::format("cannot pin {}", place.pin));
  return link;
}

bpf_tc_hook clsact_hook(std::uint32_t interface_index, Direction direction) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(interface_index);
  hook.attach_point = direction == Direction::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return hook;
}

bpf_tc_opts clsact_filter() {
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = kFilterHandle;
  options.priority = kFilterPriority;
  return options;
}

Result<> attach_clsact(const Attachment::Place& place, int program) {
  bpf_tc_hook hook = clsact_hook(place.interface_index, place.direction);
  if (const int made = bpf_tc_hook_create(&hook); made != 0 && made != -EEXIST) {
    errno = -made;
    return fail_errno(fmt::format("cannot add clsact to interface {}", place.interface_index));
  }
  const auto first = TRY(first_filter(place.interface_index, place.direction));
  const bool ours_first = first && first->handle == kFilterHandle && first->priority == kFilterPriority &&
                          first->program_id != 0 && first->direct;
  // A filter that takes the place of ours keeps its position, a new one comes before all of its priority.
  const bpf_tc_opts old = clsact_filter();
  if (first && !ours_first) bpf_tc_detach(&hook, &old);  // not there: as well
  const auto attach = [&] {
    bpf_tc_opts options = clsact_filter();
    options.prog_fd = program;
    options.flags = BPF_TC_F_REPLACE;
    return bpf_tc_attach(&hook, &options);
  };
  int attached = attach();
  if (attached != 0 && first) {  // the priority is taken by a filter of another kind, or for one protocol
    TRY_VOID(remove_filters(place.interface_index, place.direction, kFilterPriority));
    attached = attach();
  }
  if (attached != 0) {
    errno = -attached;
    return fail_errno(fmt::format("cannot attach BPF to interface {}", place.interface_index));
  }
  return {};
}

}  // namespace

std::string_view to_string(AttachMode mode) {
  return mode == AttachMode::kTcx ? "tcx" : "clsact";
}

Result<AttachMode> probe_attach_mode(int program) {
  // Not pinned: this link ends at once.
  if (const Fd link(create_tcx_link(kLoopback, Direction::kIngress, program)); link.valid()) return AttachMode::kTcx;
  const auto attached =
      attach_clsact({.interface_index = kLoopback, .direction = Direction::kIngress, .pin = {}}, program);
  if (!attached) {
    return fail(Errc::kUnavailable, fmt::format("this kernel has neither TCX (Linux 6.6) nor clsact with BPF "
                                                "(CONFIG_NET_CLS_BPF): {}",
                                                attached.error().message));
  }
  bpf_tc_hook hook = clsact_hook(kLoopback, Direction::kIngress);
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);  // both: the qdisc goes, too
  bpf_tc_hook_destroy(&hook);
  return AttachMode::kClsact;
}

Result<Attachment> Attachment::attach(AttachMode mode, const Place& place, int program) {
  Fd link;
  if (mode == AttachMode::kTcx) {
    link = TRY(attach_tcx(place, program));
  } else {
    TRY_VOID(attach_clsact(place, program));
  }
  return Attachment(mode, place, TRY(program_id(program)), std::move(link));
}

bool Attachment::intact() const {
  if (mode_ == AttachMode::kTcx) {
    const TcxLink link = inspect(link_, place_.direction);
    return link.interface_index == place_.interface_index && link.program_id == program_id_ &&
           first_tcx_program(place_.interface_index, place_.direction) == program_id_;
  }
  const auto first = first_filter(place_.interface_index, place_.direction);
  const Filter ours{.handle = kFilterHandle, .priority = kFilterPriority, .program_id = program_id_, .direct = true};
  return first && *first == ours;
}

void Attachment::remove() {
  if (mode_ == AttachMode::kTcx) {
    unlink(place_.pin.c_str());
    link_.reset();
    return;
  }
  bpf_tc_hook hook = clsact_hook(place_.interface_index, place_.direction);
  const bpf_tc_opts options = clsact_filter();
  bpf_tc_detach(&hook, &options);
}

}  // namespace enforcer::host
