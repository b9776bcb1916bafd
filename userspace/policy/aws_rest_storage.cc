// What keeps data: EFS, Backup, OpenSearch and Elasticsearch, MQ, MSK.
#include "policy/aws_rest_tables.h"

namespace enforcer::policy::rest {
namespace {

constexpr AwsRestPath kFileSystems[] = {
    {"/2015-02-01/file-systems", "GET:DescribeFileSystems POST:CreateFileSystem"},
    {"/2015-02-01/file-systems/*", "PUT:UpdateFileSystem DELETE:DeleteFileSystem"},
    {"/2015-02-01/file-systems/*/policy",
     "GET:DescribeFileSystemPolicy PUT:PutFileSystemPolicy DELETE:DeleteFileSystemPolicy"},
    {"/2015-02-01/file-systems/*/lifecycle-configuration",
     "GET:DescribeLifecycleConfiguration PUT:PutLifecycleConfiguration"},
    {"/2015-02-01/file-systems/*/backup-policy", "GET:DescribeBackupPolicy PUT:PutBackupPolicy"},
    {"/2015-02-01/file-systems/*/replication-configuration",
     "POST:CreateReplicationConfiguration DELETE:DeleteReplicationConfiguration"},
    {"/2015-02-01/file-systems/replication-configurations", "GET:DescribeReplicationConfigurations"},
    {"/2015-02-01/file-systems/*/protection", "PUT:UpdateFileSystemProtection"},
    {"/2015-02-01/mount-targets", "GET:DescribeMountTargets POST:CreateMountTarget"},
    {"/2015-02-01/mount-targets/*", "DELETE:DeleteMountTarget"},
    {"/2015-02-01/mount-targets/*/security-groups",
     "GET:DescribeMountTargetSecurityGroups PUT:ModifyMountTargetSecurityGroups"},
    {"/2015-02-01/access-points", "GET:DescribeAccessPoints POST:CreateAccessPoint"},
    {"/2015-02-01/access-points/*", "DELETE:DeleteAccessPoint"},
    {"/2015-02-01/account-preferences", "GET:DescribeAccountPreferences PUT:PutAccountPreferences"},
    {"/2015-02-01/resource-tags/*", "GET:ListTagsForResource POST:TagResource DELETE:UntagResource"},
    {"/2015-02-01/create-tags/*", "POST:CreateTags"},
    {"/2015-02-01/delete-tags/*", "POST:DeleteTags"},
    {"/2015-02-01/tags/*", "GET:DescribeTags"},
};

// Recovery points and resources are named by their ARNs.
constexpr AwsRestPath kBackup[] = {
    {"/backup/plans", "GET:ListBackupPlans PUT:CreateBackupPlan"},
    {"/backup/plans/*", "GET:GetBackupPlan POST:UpdateBackupPlan DELETE:DeleteBackupPlan"},
    {"/backup/plans/*/versions", "GET:ListBackupPlanVersions"},
    {"/backup/plans/*/selections", "GET:ListBackupSelections PUT:CreateBackupSelection"},
    {"/backup/plans/*/selections/*", "GET:GetBackupSelection DELETE:DeleteBackupSelection"},
    {"/backup/plans/*/toTemplate", "GET:ExportBackupPlanTemplate"},
    {"/backup/template/plans", "GET:ListBackupPlanTemplates"},
    {"/backup/template/plans/*/toPlan", "GET:GetBackupPlanFromTemplate"},
    {"/backup/template/json/toPlan", "POST:GetBackupPlanFromJSON"},
    {"/backup-vaults", "GET:ListBackupVaults"},
    {"/backup-vaults/*", "GET:DescribeBackupVault PUT:CreateBackupVault DELETE:DeleteBackupVault"},
    {"/backup-vaults/*/access-policy",
     "GET:GetBackupVaultAccessPolicy PUT:PutBackupVaultAccessPolicy DELETE:DeleteBackupVaultAccessPolicy"},
    {"/backup-vaults/*/notification-configuration",
     "GET:GetBackupVaultNotifications PUT:PutBackupVaultNotifications DELETE:DeleteBackupVaultNotifications"},
    {"/backup-vaults/*/vault-lock", "PUT:PutBackupVaultLockConfiguration DELETE:DeleteBackupVaultLockConfiguration"},
    {"/backup-vaults/*/recovery-points", "GET:ListRecoveryPointsByBackupVault"},
    {"/backup-vaults/*/recovery-points/*",
     "GET:DescribeRecoveryPoint POST:UpdateRecoveryPointLifecycle DELETE:DeleteRecoveryPoint"},
    {"/backup-vaults/*/recovery-points/*/disassociate", "POST:DisassociateRecoveryPoint"},
    {"/backup-vaults/*/recovery-points/*/parentAssociation", "DELETE:DisassociateRecoveryPointFromParent"},
    {"/backup-vaults/*/recovery-points/*/restore-metadata", "GET:GetRecoveryPointRestoreMetadata"},
    {"/logically-air-gapped-backup-vaults/*", "PUT:CreateLogicallyAirGappedBackupVault"},
    {"/backup-jobs", "GET:ListBackupJobs PUT:StartBackupJob"},
    {"/backup-jobs/*", "GET:DescribeBackupJob POST:StopBackupJob"},
    {"/restore-jobs", "GET:ListRestoreJobs PUT:StartRestoreJob"},
    {"/restore-jobs/*", "GET:DescribeRestoreJob"},
    {"/copy-jobs", "GET:ListCopyJobs PUT:StartCopyJob"},
    {"/copy-jobs/*", "GET:DescribeCopyJob"},
    {"/audit/frameworks", "GET:ListFrameworks POST:CreateFramework"},
    {"/audit/frameworks/*", "GET:DescribeFramework PUT:UpdateFramework DELETE:DeleteFramework"},
    {"/audit/report-plans", "GET:ListReportPlans POST:CreateReportPlan"},
    {"/audit/report-plans/*", "GET:DescribeReportPlan PUT:UpdateReportPlan DELETE:DeleteReportPlan"},
    {"/audit/report-jobs", "GET:ListReportJobs"},
    {"/audit/report-jobs/*", "GET:DescribeReportJob POST:StartReportJob"},
    {"/global-settings", "GET:DescribeGlobalSettings PUT:UpdateGlobalSettings"},
    {"/account-settings", "GET:DescribeRegionSettings PUT:UpdateRegionSettings"},
    {"/resources", "GET:ListProtectedResources"},
    {"/resources/*", "GET:DescribeProtectedResource"},
    {"/resources/*/recovery-points", "GET:ListRecoveryPointsByResource"},
    {"/legal-holds", "GET:ListLegalHolds POST:CreateLegalHold"},
    {"/legal-holds/*", "GET:GetLegalHold DELETE:CancelLegalHold"},
    {"/legal-holds/*/recovery-points", "GET:ListRecoveryPointsByLegalHold"},
    {"/supported-resource-types", "GET:GetSupportedResourceTypes"},
    {"/tags/*", "GET:ListTags POST:TagResource"},
    {"/untag/*", "POST:UntagResource"},
};

// The API of Elasticsearch's days and the one of OpenSearch, side by side.
constexpr AwsRestPath kSearchDomains[] = {
    {"/2015-01-01/domain", "GET:ListDomainNames"},
    {"/2015-01-01/es/domain", "POST:CreateElasticsearchDomain"},
    {"/2015-01-01/es/domain/*", "GET:DescribeElasticsearchDomain DELETE:DeleteElasticsearchDomain"},
    {"/2015-01-01/es/domain/*/config", "GET:DescribeElasticsearchDomainConfig POST:UpdateElasticsearchDomainConfig"},
    {"/2015-01-01/es/domain-info", "POST:DescribeElasticsearchDomains"},
    {"/2015-01-01/es/role", "DELETE:DeleteElasticsearchServiceRole"},
    {"/2015-01-01/es/upgradeDomain", "POST:UpgradeElasticsearchDomain"},
    {"/2015-01-01/es/upgradeDomain/*/history", "GET:GetUpgradeHistory"},
    {"/2015-01-01/es/upgradeDomain/*/status", "GET:GetUpgradeStatus"},
    {"/2015-01-01/es/compatibleVersions", "GET:GetCompatibleElasticsearchVersions"},
    {"/2015-01-01/es/versions", "GET:ListElasticsearchVersions"},
    {"/2015-01-01/es/serviceSoftwareUpdate/start", "POST:StartElasticsearchServiceSoftwareUpdate"},
    {"/2015-01-01/es/serviceSoftwareUpdate/cancel", "POST:CancelElasticsearchServiceSoftwareUpdate"},
    {"/2015-01-01/tags", "GET:ListTags POST:AddTags"},
    {"/2015-01-01/tags-removal", "POST:RemoveTags"},
    {"/2021-01-01/domain", "GET:ListDomainNames"},
    {"/2021-01-01/opensearch/domain", "POST:CreateDomain"},
    {"/2021-01-01/opensearch/domain/*", "GET:DescribeDomain DELETE:DeleteDomain"},
    {"/2021-01-01/opensearch/domain/*/config", "GET:DescribeDomainConfig POST:UpdateDomainConfig"},
    {"/2021-01-01/opensearch/domain-info", "POST:DescribeDomains"},
    {"/2021-01-01/opensearch/upgradeDomain", "POST:UpgradeDomain"},
    {"/2021-01-01/opensearch/upgradeDomain/*/history", "GET:GetUpgradeHistory"},
    {"/2021-01-01/opensearch/upgradeDomain/*/status", "GET:GetUpgradeStatus"},
    {"/2021-01-01/opensearch/compatibleVersions", "GET:GetCompatibleVersions"},
    {"/2021-01-01/opensearch/versions", "GET:ListVersions"},
    {"/2021-01-01/opensearch/serviceSoftwareUpdate/start", "POST:StartServiceSoftwareUpdate"},
    {"/2021-01-01/opensearch/serviceSoftwareUpdate/cancel", "POST:CancelServiceSoftwareUpdate"},
    {"/2021-01-01/opensearch/cc/outboundConnection", "POST:CreateOutboundConnection"},
    {"/2021-01-01/opensearch/cc/outboundConnection/*", "DELETE:DeleteOutboundConnection"},
    {"/2021-01-01/opensearch/cc/inboundConnection/*", "DELETE:DeleteInboundConnection"},
    {"/2021-01-01/opensearch/cc/inboundConnection/*/accept", "PUT:AcceptInboundConnection"},
    {"/2021-01-01/opensearch/cc/inboundConnection/*/reject", "PUT:RejectInboundConnection"},
    {"/2021-01-01/opensearch/vpcEndpoints", "GET:ListVpcEndpoints POST:CreateVpcEndpoint"},
    {"/2021-01-01/opensearch/vpcEndpoints/*", "DELETE:DeleteVpcEndpoint"},
    {"/2021-01-01/packages", "POST:CreatePackage"},
    {"/2021-01-01/packages/*", "DELETE:DeletePackage"},
    {"/2021-01-01/packages/associate/*/*", "POST:AssociatePackage"},
    {"/2021-01-01/packages/dissociate/*/*", "POST:DissociatePackage"},
    {"/2021-01-01/tags", "GET:ListTags POST:AddTags"},
    {"/2021-01-01/tags-removal", "POST:RemoveTags"},
};

constexpr AwsRestPath kBrokers[] = {
    {"/v1/brokers", "GET:ListBrokers POST:CreateBroker"},
    {"/v1/brokers/*", "GET:DescribeBroker PUT:UpdateBroker DELETE:DeleteBroker"},
    {"/v1/brokers/*/promote", "POST:Promote"},
    {"/v1/brokers/*/reboot", "POST:RebootBroker"},
    {"/v1/brokers/*/users", "GET:ListUsers"},
    {"/v1/brokers/*/users/*", "GET:DescribeUser POST:CreateUser PUT:UpdateUser DELETE:DeleteUser"},
    {"/v1/broker-engine-types", "GET:DescribeBrokerEngineTypes"},
    {"/v1/broker-instance-options", "GET:DescribeBrokerInstanceOptions"},
    {"/v1/configurations", "GET:ListConfigurations POST:CreateConfiguration"},
    {"/v1/configurations/*", "GET:DescribeConfiguration PUT:UpdateConfiguration"},
    {"/v1/configurations/*/revisions", "GET:ListConfigurationRevisions"},
    {"/v1/configurations/*/revisions/*", "GET:DescribeConfigurationRevision"},
    {"/v1/tags/*", "GET:ListTags POST:CreateTags DELETE:DeleteTags"},
};

// Clusters, configurations and operations are named by their ARNs.
constexpr AwsRestPath kKafka[] = {
    {"/v1/clusters", "GET:ListClusters POST:CreateCluster"},
    {"/v1/clusters/*", "GET:DescribeCluster DELETE:DeleteCluster"},
    {"/v1/clusters/*/bootstrap-brokers", "GET:GetBootstrapBrokers"},
    {"/v1/clusters/*/configuration", "PUT:UpdateClusterConfiguration"},
    {"/v1/clusters/*/monitoring", "PUT:UpdateMonitoring"},
    {"/v1/clusters/*/nodes", "GET:ListNodes"},
    {"/v1/clusters/*/nodes/count", "PUT:UpdateBrokerCount"},
    {"/v1/clusters/*/nodes/storage", "PUT:UpdateBrokerStorage"},
    {"/v1/clusters/*/nodes/type", "PUT:UpdateBrokerType"},
    {"/v1/clusters/*/operations", "GET:ListClusterOperations"},
    {"/v1/clusters/*/policy", "GET:GetClusterPolicy PUT:PutClusterPolicy DELETE:DeleteClusterPolicy"},
    {"/v1/clusters/*/reboot-broker", "PUT:RebootBroker"},
    {"/v1/clusters/*/scram-secrets",
     "GET:ListScramSecrets POST:BatchAssociateScramSecret PATCH:BatchDisassociateScramSecret"},
    {"/v1/clusters/*/security", "PATCH:UpdateSecurity"},
    {"/v1/clusters/*/storage", "PUT:UpdateStorage"},
    {"/v1/clusters/*/version", "PUT:UpdateClusterKafkaVersion"},
    {"/v1/operations/*", "GET:DescribeClusterOperation"},
    {"/v1/configurations", "GET:ListConfigurations POST:CreateConfiguration"},
    {"/v1/configurations/*", "GET:DescribeConfiguration PUT:UpdateConfiguration DELETE:DeleteConfiguration"},
    {"/v1/configurations/*/revisions", "GET:ListConfigurationRevisions"},
    {"/v1/configurations/*/revisions/*", "GET:DescribeConfigurationRevision"},
    {"/v1/kafka-versions", "GET:ListKafkaVersions"},
    {"/v1/compatible-kafka-versions", "GET:GetCompatibleKafkaVersions"},
    {"/v1/tags/*", "GET:ListTagsForResource POST:TagResource DELETE:UntagResource"},
    {"/api/v2/clusters", "GET:ListClustersV2 POST:CreateClusterV2"},
    {"/api/v2/clusters/*", "GET:DescribeClusterV2"},
};

}  // namespace

std::span<const AwsRestPath> elasticfilesystem() {
  return kFileSystems;
}
std::span<const AwsRestPath> backup() {
  return kBackup;
}
std::span<const AwsRestPath> es() {
  return kSearchDomains;
}
std::span<const AwsRestPath> mq() {
  return kBrokers;
}
std::span<const AwsRestPath> kafka() {
  return kKafka;
}

}  // namespace enforcer::policy::rest
