// What runs code: Lambda, EKS, Batch, Bedrock.
#include "policy/aws_rest_tables.h"

namespace enforcer::policy::rest {
namespace {

constexpr AwsRestPath kLambda[] = {
    {"/2015-03-31/functions", "GET:ListFunctions POST:CreateFunction"},
    {"/2015-03-31/functions/*", "GET:GetFunction DELETE:DeleteFunction"},
    {"/2015-03-31/functions/*/configuration", "GET:GetFunctionConfiguration PUT:UpdateFunctionConfiguration"},
    {"/2015-03-31/functions/*/code", "PUT:UpdateFunctionCode"},
    {"/2015-03-31/functions/*/versions", "GET:ListVersionsByFunction POST:PublishVersion"},
    {"/2015-03-31/functions/*/aliases", "GET:ListAliases POST:CreateAlias"},
    {"/2015-03-31/functions/*/aliases/*", "GET:GetAlias PUT:UpdateAlias DELETE:DeleteAlias"},
    {"/2015-03-31/functions/*/policy", "GET:GetPolicy POST:AddPermission"},
    {"/2015-03-31/functions/*/policy/*", "DELETE:RemovePermission"},
    {"/2015-03-31/functions/*/invocations", "POST:Invoke"},
    {"/2014-11-13/functions/*/invoke-async", "POST:InvokeAsync"},
    {"/2021-11-15/functions/*/response-streaming-invocations", "POST:InvokeWithResponseStream"},
    {"/2017-10-31/functions/*/concurrency", "PUT:PutFunctionConcurrency DELETE:DeleteFunctionConcurrency"},
    {"/2019-09-30/functions/*/concurrency", "GET:GetFunctionConcurrency"},
    {"/2019-09-30/functions/*/provisioned-concurrency",
     "GET:GetProvisionedConcurrencyConfig GET?List=ALL:ListProvisionedConcurrencyConfigs "
     "PUT:PutProvisionedConcurrencyConfig DELETE:DeleteProvisionedConcurrencyConfig"},
    {"/2019-09-25/functions/*/event-invoke-config",
     "GET:GetFunctionEventInvokeConfig PUT:PutFunctionEventInvokeConfig POST:UpdateFunctionEventInvokeConfig "
     "DELETE:DeleteFunctionEventInvokeConfig"},
    {"/2019-09-25/functions/*/event-invoke-config/list", "GET:ListFunctionEventInvokeConfigs"},
    {"/2015-03-31/event-source-mappings", "GET:ListEventSourceMappings POST:CreateEventSourceMapping"},
    {"/2015-03-31/event-source-mappings/*",
     "GET:GetEventSourceMapping PUT:UpdateEventSourceMapping DELETE:DeleteEventSourceMapping"},
    {"/2018-10-31/layers", "GET:ListLayers GET?find=LayerVersion:GetLayerVersionByArn"},
    {"/2018-10-31/layers/*/versions", "GET:ListLayerVersions POST:PublishLayerVersion"},
    {"/2018-10-31/layers/*/versions/*", "GET:GetLayerVersion DELETE:DeleteLayerVersion"},
    {"/2018-10-31/layers/*/versions/*/policy", "GET:GetLayerVersionPolicy POST:AddLayerVersionPermission"},
    {"/2018-10-31/layers/*/versions/*/policy/*", "DELETE:RemoveLayerVersionPermission"},
    {"/2017-03-31/tags/*", "GET:ListTags POST:TagResource DELETE:UntagResource"},
    {"/2016-08-19/account-settings", "GET:GetAccountSettings"},
    {"/2021-10-31/functions/*/url",
     "GET:GetFunctionUrlConfig POST:CreateFunctionUrlConfig PUT:UpdateFunctionUrlConfig "
     "DELETE:DeleteFunctionUrlConfig"},
    {"/2021-10-31/functions/*/urls", "GET:ListFunctionUrlConfigs"},
    {"/2020-06-30/functions/*/code-signing-config",
     "GET:GetFunctionCodeSigningConfig PUT:PutFunctionCodeSigningConfig DELETE:DeleteFunctionCodeSigningConfig"},
    {"/2020-04-22/code-signing-configs", "GET:ListCodeSigningConfigs POST:CreateCodeSigningConfig"},
    {"/2020-04-22/code-signing-configs/*",
     "GET:GetCodeSigningConfig PUT:UpdateCodeSigningConfig DELETE:DeleteCodeSigningConfig"},
    {"/2020-04-22/code-signing-configs/*/functions", "GET:ListFunctionsByCodeSigningConfig"},
    {"/2021-07-20/functions/*/runtime-management-config",
     "GET:GetRuntimeManagementConfig PUT:PutRuntimeManagementConfig"},
    {"/2024-08-31/functions/*/recursion-config", "GET:GetFunctionRecursionConfig PUT:PutFunctionRecursionConfig"},
};

// Principals, policies and taggable things are ARNs.
constexpr AwsRestPath kEks[] = {
    {"/clusters", "GET:ListClusters POST:CreateCluster"},
    {"/clusters/*", "GET:DescribeCluster DELETE:DeleteCluster"},
    {"/clusters/*/update-config", "POST:UpdateClusterConfig"},
    {"/clusters/*/updates", "GET:ListUpdates POST:UpdateClusterVersion"},
    {"/clusters/*/updates/*", "GET:DescribeUpdate"},
    {"/clusters/*/node-groups", "GET:ListNodegroups POST:CreateNodegroup"},
    {"/clusters/*/node-groups/*", "GET:DescribeNodegroup DELETE:DeleteNodegroup"},
    {"/clusters/*/node-groups/*/update-config", "POST:UpdateNodegroupConfig"},
    {"/clusters/*/node-groups/*/update-version", "POST:UpdateNodegroupVersion"},
    {"/clusters/*/fargate-profiles", "GET:ListFargateProfiles POST:CreateFargateProfile"},
    {"/clusters/*/fargate-profiles/*", "GET:DescribeFargateProfile DELETE:DeleteFargateProfile"},
    {"/clusters/*/addons", "GET:ListAddons POST:CreateAddon"},
    {"/clusters/*/addons/*", "GET:DescribeAddon DELETE:DeleteAddon"},
    {"/clusters/*/addons/*/update", "POST:UpdateAddon"},
    {"/addons/supported-versions", "GET:DescribeAddonVersions"},
    {"/addons/configuration-schemas", "GET:DescribeAddonConfiguration"},
    {"/clusters/*/identity-provider-configs", "GET:ListIdentityProviderConfigs"},
    {"/clusters/*/identity-provider-configs/associate", "POST:AssociateIdentityProviderConfig"},
    {"/clusters/*/identity-provider-configs/describe", "POST:DescribeIdentityProviderConfig"},
    {"/clusters/*/identity-provider-configs/disassociate", "POST:DisassociateIdentityProviderConfig"},
    {"/clusters/*/encryption-config/associate", "POST:AssociateEncryptionConfig"},
    {"/cluster-registrations", "POST:RegisterCluster"},
    {"/cluster-registrations/*", "DELETE:DeregisterCluster"},
    {"/clusters/*/access-entries", "GET:ListAccessEntries POST:CreateAccessEntry"},
    {"/clusters/*/access-entries/*", "GET:DescribeAccessEntry POST:UpdateAccessEntry DELETE:DeleteAccessEntry"},
    {"/clusters/*/access-entries/*/access-policies", "GET:ListAssociatedAccessPolicies POST:AssociateAccessPolicy"},
    {"/clusters/*/access-entries/*/access-policies/*", "DELETE:DisassociateAccessPolicy"},
    {"/access-policies", "GET:ListAccessPolicies"},
    {"/clusters/*/pod-identity-associations", "GET:ListPodIdentityAssociations POST:CreatePodIdentityAssociation"},
    {"/clusters/*/pod-identity-associations/*",
     "GET:DescribePodIdentityAssociation POST:UpdatePodIdentityAssociation DELETE:DeletePodIdentityAssociation"},
    {"/clusters/*/insights/*", "GET:DescribeInsight"},
    {"/eks-anywhere-subscriptions", "GET:ListEksAnywhereSubscriptions POST:CreateEksAnywhereSubscription"},
    {"/eks-anywhere-subscriptions/*",
     "GET:DescribeEksAnywhereSubscription POST:UpdateEksAnywhereSubscription DELETE:DeleteEksAnywhereSubscription"},
    {"/tags/*", "GET:ListTagsForResource POST:TagResource DELETE:UntagResource"},
};

constexpr AwsRestPath kBatch[] = {
    {"/v1/canceljob", "POST:CancelJob"},
    {"/v1/createcomputeenvironment", "POST:CreateComputeEnvironment"},
    {"/v1/createjobqueue", "POST:CreateJobQueue"},
    {"/v1/createschedulingpolicy", "POST:CreateSchedulingPolicy"},
    {"/v1/deletecomputeenvironment", "POST:DeleteComputeEnvironment"},
    {"/v1/deletejobqueue", "POST:DeleteJobQueue"},
    {"/v1/deleteschedulingpolicy", "POST:DeleteSchedulingPolicy"},
    {"/v1/deregisterjobdefinition", "POST:DeregisterJobDefinition"},
    {"/v1/describecomputeenvironments", "POST:DescribeComputeEnvironments"},
    {"/v1/describejobdefinitions", "POST:DescribeJobDefinitions"},
    {"/v1/describejobqueues", "POST:DescribeJobQueues"},
    {"/v1/describejobs", "POST:DescribeJobs"},
    {"/v1/describeschedulingpolicies", "POST:DescribeSchedulingPolicies"},
    {"/v1/listjobs", "POST:ListJobs"},
    {"/v1/listschedulingpolicies", "POST:ListSchedulingPolicies"},
    {"/v1/registerjobdefinition", "POST:RegisterJobDefinition"},
    {"/v1/submitjob", "POST:SubmitJob"},
    {"/v1/terminatejob", "POST:TerminateJob"},
    {"/v1/updatecomputeenvironment", "POST:UpdateComputeEnvironment"},
    {"/v1/updatejobqueue", "POST:UpdateJobQueue"},
    {"/v1/updateschedulingpolicy", "POST:UpdateSchedulingPolicy"},
    {"/v1/tags/*", "GET:ListTagsForResource POST:TagResource DELETE:UntagResource"},
};

// Models and profiles may be named by their ARNs.
constexpr AwsRestPath kBedrock[] = {
    {"/model/*/invoke", "POST:InvokeModel"},
    {"/model/*/invoke-with-response-stream", "POST:InvokeModelWithResponseStream"},
    {"/model/*/converse", "POST:Converse"},
    {"/model/*/converse-stream", "POST:ConverseStream"},
    {"/guardrail/*/version/*/apply", "POST:ApplyGuardrail"},
    {"/async-invoke", "GET:ListAsyncInvokes POST:StartAsyncInvoke"},
    {"/async-invoke/*", "GET:GetAsyncInvoke"},
    {"/foundation-models", "GET:ListFoundationModels"},
    {"/foundation-models/*", "GET:GetFoundationModel"},
    {"/custom-models", "GET:ListCustomModels"},
    {"/custom-models/*", "GET:GetCustomModel DELETE:DeleteCustomModel"},
    {"/guardrails", "GET:ListGuardrails POST:CreateGuardrail"},
    {"/guardrails/*", "GET:GetGuardrail PUT:UpdateGuardrail POST:CreateGuardrailVersion DELETE:DeleteGuardrail"},
    {"/provisioned-model-throughput", "POST:CreateProvisionedModelThroughput"},
    {"/provisioned-model-throughputs", "GET:ListProvisionedModelThroughputs"},
    {"/provisioned-model-throughput/*",
     "GET:GetProvisionedModelThroughput PATCH:UpdateProvisionedModelThroughput "
     "DELETE:DeleteProvisionedModelThroughput"},
    {"/model-customization-jobs", "GET:ListModelCustomizationJobs POST:CreateModelCustomizationJob"},
    {"/inference-profiles", "GET:ListInferenceProfiles POST:CreateInferenceProfile"},
    {"/inference-profiles/*", "GET:GetInferenceProfile DELETE:DeleteInferenceProfile"},
    {"/logging/modelinvocations",
     "GET:GetModelInvocationLoggingConfiguration PUT:PutModelInvocationLoggingConfiguration "
     "DELETE:DeleteModelInvocationLoggingConfiguration"},
    {"/listTagsForResource", "POST:ListTagsForResource"},
    {"/tagResource", "POST:TagResource"},
    {"/untagResource", "POST:UntagResource"},
};

}  // namespace

std::span<const AwsRestPath> lambda() {
  return kLambda;
}
std::span<const AwsRestPath> eks() {
  return kEks;
}
std::span<const AwsRestPath> batch() {
  return kBatch;
}
std::span<const AwsRestPath> bedrock() {
  return kBedrock;
}

}  // namespace enforcer::policy::rest
