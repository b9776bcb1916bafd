// The frequency of this host's time stamp counter.
//
// A microvm guest under TCG hangs at boot, at random (one boot in five on an idle host, more on a busy one): Linux has
// no other clock there to calibrate the TSC against but the PIT, whose polling fails whenever the vCPU thread is
// preempted. Told the frequency with tsc_early_khz= it needs no calibration. TCG passes the host's TSC through, so the
// host's frequency is the guest's.
//
// tsc=reliable belongs to it: the kernel would compare the TSC with its own tick, which a vCPU that has to wait for a
// processor misses, call the TSC unstable, and go on with the tick: on a busy host the guest's clock then loses minutes
// an hour, and certificates are not valid yet.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace enforcer::host {

/// kHz, measured once per process against CLOCK_MONOTONIC_RAW: median of five samples of 20 ms. kUnavailable when the
/// samples make no sense (no usable TSC).
[[nodiscard]] Result<std::uint32_t> host_tsc_khz();

}  // namespace enforcer::host
