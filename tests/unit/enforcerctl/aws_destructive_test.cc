// The preset aws-destructive against the descriptions from which AWS's own clients are made (botocore's, of the package
// python3-botocore): what by its name ends something is held, or is named here with why it is not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "enforcerctl/policy_draft.h"
#include "enforcerctl/preset.h"
#include "enforcerctl/preset_rules.h"
#include "policy/aws_question.h"
#include "policy/aws_rest.h"
#include "policy/loader.h"

using namespace enforcer;
using namespace enforcer::ctl;

namespace {

namespace fs = std::filesystem;

const fs::path kAwsModels = "/usr/lib/python3/dist-packages/botocore/data";

const std::regex kEnding(
    "Delet|Terminat|Purge|Deregister|Deprovision|Withdraw|Release|Remove|Detach|Disassociat|Dissociat|Revoke|"
    "Deauthor|Disable|Deactivat|Disconnect|Destroy|Erase|Drop|Expire|Forget|Leave|CloseAccount");
/// "GetDeletedX" and "CreateReleaseY" end nothing.
const std::regex kReading("(Get|List|Describe|Create|Search|BatchGet|Count|Generate).*");

// What the words fit, and the preset does not hold.
const std::set<std::string> kHarmless = {
    "a4b:ForgetSmartHomeAppliances",                    // which are found again
    "appstream:ExpireSession",                          // of one person, who begins another
    "codedeploy:SkipWaitTimeForInstanceTermination",    // the deployment was decided before
    "cognito-idp:AdminForgetDevice",                    // the device is asked for its second factor again
    "cognito-idp:ForgetDevice",                         // the same
    "elasticmapreduce:PutAutoTerminationPolicy",        // of a cluster that is idle
    "kms:CancelKeyDeletion",                            // the other way round
    "network-firewall:UpdateFirewallDeleteProtection",  // the deletion itself is held
};

/// "kms:ScheduleKeyDeletion" of every API whose action a request tells.
std::set<std::string> operations_of_aws() {
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(kAwsModels)) {
    if (entry.path().filename() != "service-2.json") continue;
    std::ifstream file(entry.path());
    const auto model = nlohmann::json::parse(file);
    const auto& about = model.at("metadata");
    const std::string service = about.value("signingName", about.at("endpointPrefix").get<std::string>());
    const bool is_rest = about.at("protocol").get<std::string>().starts_with("rest-");
    for (const auto& [name, operation] : model.at("operations").items()) {
      const std::string action = service + ":" + name.substr(0, name.find("20"));
      // Of a service without a table no action is told, and all is denied; of one with a table a request must be known.
      if (is_rest && (!policy::is_rest_service(service) || !policy::aws_question(action, "us-east-1", {}))) continue;
      found.insert(action);
    }
  }
  return found;
}

PresetRules destructive_rules() {
  const auto presets = presets_in(ENFORCER_SOURCE_DIR "/policies/presets");
  REQUIRE(presets);
  const auto preset = find_preset(*presets, "aws-destructive");
  REQUIRE(preset);
  const auto rules = rules_of(**preset, {});
  REQUIRE(rules);
  return *rules;
}

/// Those of the actions that the preset does not hold.
std::set<std::string> not_held(const std::set<std::string>& actions) {
  std::string tests;
  for (const std::string& action : actions) {
    tests += fmt::format("    - {{aws: \"{}\", region: us-east-1, expect: review, rule: aws-destructive}}\n", action);
  }
  const policy::SourceText source{.name = "p.yaml",
                                  .text =
                                      "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n"
                                      "  guests: {matchLabels: {role: agent}}\n" +
                                      entries_text("review", destructive_rules().review) + "  tests:\n" + tests};
  const auto outcome = policy::ask_tests({&source, 1});
  for (const auto& diagnostic : outcome.diagnostics) FAIL_CHECK(diagnostic.to_string());
  REQUIRE(outcome.tests.size() == actions.size());
  std::set<std::string> found;
  auto run = outcome.tests.begin();
  for (const std::string& action : actions) {
    if ((run++)->result != policy::TestResult::kPassed) found.insert(action);
  }
  return found;
}

}  // namespace

TEST_CASE("every_operation_of_aws_that_ends_something_by_its_name_is_held") {
  if (!fs::exists(kAwsModels)) {
    fmt::print("SKIP: no models of AWS's services in {} (python3-botocore)\n", kAwsModels.string());
    return;
  }
  std::set<std::string> ending;
  for (const std::string& action : operations_of_aws()) {
    const std::string name = action.substr(action.find(':') + 1);
    if (std::regex_search(name, kEnding) && !std::regex_match(name, kReading)) ending.insert(action);
  }
  CHECK(ending.size() > 900);  // of the models of 2022; an empty folder does not pass
  for (const std::string& action : not_held(ending)) CHECK_MESSAGE(kHarmless.contains(action), action);
}

TEST_CASE("what_deletes_without_saying_so_is_held_and_everyday_work_is_not") {
  const std::set<std::string> deleting = {"cloudtrail:StopLogging",
                                          "dynamodb:BatchExecuteStatement",
                                          "dynamodb:BatchWriteItem",
                                          "dynamodb:ExecuteStatement",
                                          "dynamodb:ExecuteTransaction",
                                          "dynamodb:TransactWriteItems",
                                          "ec2:StopInstances",
                                          "ecr:PutLifecyclePolicy",
                                          "logs:PutRetentionPolicy",
                                          "organizations:CloseAccount",
                                          "rds:StopDBCluster",
                                          "rds:StopDBInstance",
                                          "s3:PutLifecycleConfiguration",
                                          "s3:DeleteObject"};
  CHECK(not_held(deleting).empty());
  const std::set<std::string> everyday = {"athena:StopQueryExecution",
                                          "cloudformation:DescribeStacks",
                                          "dynamodb:PutItem",
                                          "ec2:DescribeInstances",
                                          "ec2:RunInstances",
                                          "ecr:BatchGetImage",
                                          "kms:Encrypt",
                                          "lambda:ListFunctions",
                                          "s3:GetObject",
                                          "s3:PutObject",
                                          "sqs:SendMessage",
                                          "sts:GetCallerIdentity"};
  CHECK(not_held(everyday) == everyday);
}
