// Which QEMU accelerator a guest gets.
//
// That /dev/kvm opens proves nothing: on some nested hosts QEMU aborts at once, on others the guest is emulated a
// thousand times too slowly and never says a word, and small probes (one `out; hlt`) succeed there. So the proof is a
// guest that boots: with `auto` the first guest is started under KVM, and when QEMU ends early or no hello comes within
// kKvmProofTime, hostd remembers TCG for this boot of the host and starts the guest once more. QEMU is always given one
// accelerator by name: "kvm:tcg" never falls back, since KVM "initialises".
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::host {

enum class Accelerator { kKvm, kTcg };
enum class AcceleratorChoice { kAuto, kKvm, kTcg };

/// How long the first guest under KVM has to say hello before KVM counts as unusable.
inline constexpr std::chrono::seconds kKvmProofTime{10};

[[nodiscard]] std::string_view to_string(Accelerator accelerator);  ///< "kvm", "tcg": QEMU's names

/// The group a process needs to open /dev/kvm, or none when everybody may. kUnavailable with the reason: no such
/// device, or only root may open it.
[[nodiscard]] Result<std::optional<gid_t>> kvm_group();

struct AcceleratorPlan {
  Accelerator use = Accelerator::kTcg;
  /// The first boot under KVM is still the experiment: when it fails, remember_accelerator(kTcg) and start again.
  enum class Proof { kProven, kOnTrial } proof = Proof::kProven;
  std::string reason;  ///< one line why TCG is used although `auto` was asked for; empty otherwise
};

/// What the next guest is started with. `memory_file` holds what remember_accelerator() wrote during this boot of the
/// host; a file of another boot, or none, is no knowledge. kUnavailable: `kvm` was asked for and /dev/kvm cannot be
/// used.
[[nodiscard]] Result<AcceleratorPlan> plan_accelerator(AcceleratorChoice choice, const std::string& memory_file);

/// Writes down what a boot has shown (one line, replaced atomically, 0600). `reason` ends up in the warning.
Result<> remember_accelerator(const std::string& memory_file, Accelerator proven, std::string_view reason);

}  // namespace enforcer::host
