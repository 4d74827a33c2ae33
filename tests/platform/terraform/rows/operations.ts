import { putAt, valueAt } from '../resources.ts'
import { both, count, every, mentions, prod, type Row, set } from '../row.ts'

const CLUSTER = 'cluster.aws_eks_cluster.this'
const PODS = ['api-gateway', 'chat', 'code-exec-service', 'live-streaming']

const clusterRows: readonly Row[] = [
  prod({
    line: 'EKS learning-hub-prod',
    address: CLUSTER,
    path: 'name',
    is: 'learning-hub-prod',
    not: 'other',
  }),
  every({
    line: 'Kubernetes 1.28 or later',
    type: 'aws_eks_cluster',
    path: 'version',
    is: (value) => Number(String(value).split('.')[1]) >= 28,
    not: '1.27',
  }),
  both({
    line: 'Kubernetes in standard support',
    address: CLUSTER,
    path: 'upgrade_policy.0.support_type',
    is: 'STANDARD',
    not: 'EXTENDED',
  }),
  both({
    // Kubernetes keeps the first address for its own API, and 10.100.0.1 is the gateway's.
    line: 'ClusterIPs 10.100.x.y, of which 10.100.0.1 is free',
    address: CLUSTER,
    path: 'kubernetes_network_config.0.service_ipv4_cidr',
    is: '10.96.0.0/12',
    not: '10.100.0.0/16',
  }),
  both({
    line: 'EKS: the API is private',
    address: CLUSTER,
    path: 'vpc_config.0.endpoint_public_access',
    is: false,
    not: true,
  }),
  both({
    line: 'EKS: secrets encrypted',
    address: CLUSTER,
    path: 'encryption_config.0.resources.0',
    is: 'secrets',
    not: '',
  }),
  {
    line: 'EKS: node groups over 3 zones',
    stages: ['staging', 'prod'],
    reads: 'state',
    complaints: (resources) =>
      resources
        .filter(({ type }) => type === 'aws_eks_node_group')
        .filter(({ values }) => (values.subnet_ids as readonly unknown[]).length !== 3)
        .map(({ address }) => `${address} does not span three zones`),
    breaks: (resources) => {
      const group = resources.find(({ type }) => type === 'aws_eks_node_group')
      if (group) group.values.subnet_ids = ['one']
    },
  },
  prod({
    // 37 services took three to twelve large nodes; the four pods fit on three, one in each zone.
    line: 'EKS: sized for four pods',
    address: 'cluster.aws_eks_node_group.this["general"]',
    path: 'scaling_config.0.min_size',
    is: 3,
    not: 12,
  }),
  every({
    line: 'EKS: nodes’ disks encrypted',
    type: 'aws_launch_template',
    path: 'block_device_mappings.0.ebs.0.encrypted',
    is: (value) => value === true || value === 'true',
    not: 'false',
  }),
]

const logRows: readonly Row[] = [
  every({
    line: 'CloudWatch logs 30 days',
    type: 'aws_cloudwatch_log_group',
    path: 'retention_in_days',
    is: (value) => value === 30,
    not: 0,
  }),
  set(
    {
      line: 'a log group for each pod (staging)',
      address: 'observability.aws_cloudwatch_log_group.pod',
      path: 'name',
      is: PODS.map((pod) => `/learning-hub/staging/pods/${pod}`),
    },
    ['staging'],
  ),
  set(
    {
      line: 'a log group for each pod',
      address: 'observability.aws_cloudwatch_log_group.pod',
      path: 'name',
      is: PODS.map((pod) => `/learning-hub/prod/pods/${pod}`),
    },
    ['prod'],
  ),
  prod({
    line: 'X-Ray',
    address: 'observability.aws_xray_sampling_rule.hub',
    path: 'fixed_rate',
    is: 0.05,
    not: 0,
  }),
]

/** What is encrypted at rest, and where its key stands. */
const KEYED = [
  ['aws_secretsmanager_secret', 'kms_key_id'],
  ['aws_cloudwatch_log_group', 'kms_key_id'],
  ['aws_sns_topic', 'kms_master_key_id'],
  ['aws_db_instance', 'kms_key_id'],
  ['aws_db_instance', 'performance_insights_kms_key_id'],
  ['aws_elasticache_replication_group', 'kms_key_id'],
  ['aws_msk_cluster', 'encryption_info.0.encryption_at_rest_kms_key_arn'],
  ['aws_opensearch_domain', 'encrypt_at_rest.0.kms_key_id'],
  ['aws_eks_cluster', 'encryption_config.0.provider.0.key_arn'],
  ['aws_launch_template', 'block_device_mappings.0.ebs.0.kms_key_id'],
  ['aws_ecr_repository', 'encryption_configuration.0.kms_key'],
] as const

const keyed = (type: string, path: string): Row => ({
  line: `KMS: ${type} has a key of ours (${path})`,
  stages: ['staging', 'prod'],
  // A plan does not know keys yet.
  reads: 'state',
  complaints: (resources) => {
    const keys = resources.filter((each) => each.type === 'aws_kms_key')
    const ours = new Set(keys.map(({ values }) => values.arn))
    const found = resources.filter((each) => each.type === type)
    if (found.length === 0) return [`there is no ${type}`]
    return found
      .filter(({ values }) => !ours.has(valueAt(values, path)))
      .map(({ address }) => `${address}: ${path} is no key of ours`)
  },
  breaks: (resources) => {
    const victim = resources.find((each) => each.type === type)
    if (victim) putAt(victim.values, path, 'alias/aws/default')
  },
})

const secretRows: readonly Row[] = [
  every({
    line: 'KMS keys are turned',
    type: 'aws_kms_key',
    path: 'enable_key_rotation',
    is: (value) => value === true,
    not: false,
  }),
  {
    line: 'Secrets Manager: no value passes through Terraform',
    stages: ['staging', 'prod'],
    reads: 'plan',
    complaints: (resources) =>
      resources
        .filter(({ type }) => type === 'aws_secretsmanager_secret_version')
        .map(({ address }) => `${address} holds a value`),
    breaks: (resources) => {
      const type = 'aws_secretsmanager_secret_version'
      resources.push({ address: `module.secrets.${type}.planted`, type, values: {} })
    },
  },
  ...KEYED.map(([type, path]) => keyed(type, path)),
]

const deliveryRows: readonly Row[] = [
  count({
    line: 'ECR: a repository for each pod',
    address: 'delivery.aws_ecr_repository.pod',
    is: 4,
  }),
  both({
    line: 'ECR: tags never change',
    address: 'delivery.aws_ecr_repository.pod',
    path: 'image_tag_mutability',
    is: 'IMMUTABLE',
    not: 'MUTABLE',
  }),
  both({
    line: 'ECR: images are scanned',
    address: 'delivery.aws_ecr_repository.pod',
    path: 'image_scanning_configuration.0.scan_on_push',
    is: true,
    not: false,
  }),
]

const costRows: readonly Row[] = [
  prod({
    line: 'a budget of $6,400 a month, as `npm run cost -- --budget` says',
    address: 'budget.aws_budgets_budget.monthly',
    path: 'limit_amount',
    is: '6400',
    not: '9000',
  }),
  prod({
    line: 'the budget counts what this stage costs',
    address: 'budget.aws_budgets_budget.monthly',
    path: 'cost_filter.0.values.0',
    is: 'user:stage$prod',
    not: 'user:stage$staging',
  }),
  mentions({
    line: 'the budget speaks at 80 % and 100 % spent and at 100 % forecast',
    address: 'budget.aws_budgets_budget.monthly',
    path: 'notification',
    texts: [
      '"notification_type":"ACTUAL","threshold":80',
      '"notification_type":"ACTUAL","threshold":100',
      '"notification_type":"FORECASTED","threshold":100',
    ],
  }),
  mentions(
    {
      line: 'unusual spend is told (from $110 a day)',
      address: 'budget.aws_ce_anomaly_subscription.services',
      path: 'threshold_expression',
      texts: ['"key":"ANOMALY_TOTAL_IMPACT_ABSOLUTE"', '"values":["110"]'],
    },
    ['prod'],
  ),
  both({
    line: 'unusual spend is watched by service',
    address: 'budget.aws_ce_anomaly_monitor.services',
    path: 'monitor_dimension',
    is: 'SERVICE',
    not: 'LINKED_ACCOUNT',
  }),
]

/** EKS, logs and traces, secrets and keys, images, costs. */
export const operationsRows: readonly Row[] = [
  ...clusterRows,
  ...logRows,
  ...secretRows,
  ...deliveryRows,
  ...costRows,
]
