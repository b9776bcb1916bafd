#include "host/accelerator.h"

#include <doctest/doctest.h>

#include <fstream>

#include "../temporary_folder.h"

namespace enforcer::host {
namespace {

struct MemoryFile {
  TemporaryFolder folder;
  std::string path = folder.file("accelerator");
};

TEST_CASE("tcg_asked_for_is_tcg_without_a_reason") {
  const MemoryFile memory;
  const auto plan = plan_accelerator(AcceleratorChoice::kTcg, memory.path);
  REQUIRE(plan);
  CHECK(plan->use == Accelerator::kTcg);
  CHECK(plan->reason.empty());
}

TEST_CASE("auto_puts_kvm_on_trial_or_says_why_not") {
  const MemoryFile memory;
  const auto plan = plan_accelerator(AcceleratorChoice::kAuto, memory.path);
  REQUIRE(plan);
  if (kvm_group()) {
    CHECK(plan->use == Accelerator::kKvm);
    CHECK(plan->proof == AcceleratorPlan::Proof::kOnTrial);
  } else {
    CHECK(plan->use == Accelerator::kTcg);
    CHECK(plan->reason == kvm_group().error().message);
    CHECK_FALSE(plan_accelerator(AcceleratorChoice::kKvm, memory.path));
  }
}

TEST_CASE("what_a_boot_has_shown_is_remembered_for_this_boot_of_the_host") {
  const MemoryFile memory;
  REQUIRE(remember_accelerator(memory.path, Accelerator::kTcg, "no hello\nwithin 10 s under KVM"));
  const auto plan = plan_accelerator(AcceleratorChoice::kAuto, memory.path);
  REQUIRE(plan);
  CHECK(plan->use == Accelerator::kTcg);
  CHECK(plan->proof == AcceleratorPlan::Proof::kProven);
  if (kvm_group()) CHECK(plan->reason == "no hello within 10 s under KVM");

  REQUIRE(remember_accelerator(memory.path, Accelerator::kKvm, ""));
  const auto proven = plan_accelerator(AcceleratorChoice::kAuto, memory.path);
  REQUIRE(proven);
  if (kvm_group()) {
    CHECK(proven->use == Accelerator::kKvm);
    CHECK(proven->proof == AcceleratorPlan::Proof::kProven);
  }
}

TEST_CASE("what_another_boot_of_the_host_has_shown_is_forgotten") {
  const MemoryFile memory;
  std::ofstream(memory.path) << "00000000-0000-0000-0000-000000000000 tcg of yesterday\n";
  const auto plan = plan_accelerator(AcceleratorChoice::kAuto, memory.path);
  REQUIRE(plan);
  CHECK(plan->reason.find("yesterday") == std::string::npos);
}

TEST_CASE("memory_that_cannot_be_written_is_an_error") {
  CHECK_FALSE(remember_accelerator("/nonexistent/folder/accelerator", Accelerator::kTcg, ""));
}

}  // namespace
}  // namespace enforcer::host
