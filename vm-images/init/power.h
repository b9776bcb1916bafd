// The end of the guest.
#pragma once

namespace enforcer::guest {

/// Ends every process and powers the machine off, which ends QEMU.
[[noreturn]] void power_off();

}  // namespace enforcer::guest
