/** What an AWS service reports by itself: metric names, and the sets of dimensions under which each is found. */
export type AwsNamespace = {
  /** The page of AWS that lists them. */
  readonly source: string
  readonly metrics: Readonly<Record<string, readonly (readonly string[])[]>>
}

const every = (names: readonly string[], ...dimensions: readonly (readonly string[])[]) =>
  Object.fromEntries(names.map((name) => [name, dimensions]))

/** Of AWS's own metrics, those that alarms and dashboards may read. */
export const AWS_METRICS: Readonly<Record<string, AwsNamespace>> = {
  'AWS/RDS': {
    source:
      'docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html, rds-proxy.monitoring.html',
    metrics: {
      ...every(
        ['CPUUtilization', 'FreeableMemory', 'ReplicaLag', 'FreeStorageSpace'],
        ['DBInstanceIdentifier'],
      ),
      DatabaseConnections: [['DBInstanceIdentifier'], ['ProxyName']],
      ...every(
        ['MaxDatabaseConnectionsAllowed', 'DatabaseConnectionsCurrentlySessionPinned'],
        ['ProxyName'],
      ),
    },
  },
  'AWS/ElastiCache': {
    source: 'docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html',
    metrics: every(
      ['EngineCPUUtilization', 'DatabaseMemoryUsagePercentage', 'CurrConnections', 'Evictions'],
      ['CacheClusterId'],
    ),
  },
  'AWS/Kafka': {
    // All of the level DEFAULT; HeapMemoryAfterGC of PER_BROKER, which PER_TOPIC_PER_BROKER includes.
    source: 'docs.aws.amazon.com/msk/latest/developerguide/metrics-details.html',
    metrics: {
      ...every(
        ['CpuUser', 'CpuSystem', 'HeapMemoryAfterGC', 'KafkaDataLogsDiskUsed'],
        ['Cluster Name', 'Broker ID'],
      ),
      ...every(
        ['EstimatedMaxTimeLag', 'SumOffsetLag'],
        ['Cluster Name', 'Consumer Group', 'Topic'],
      ),
    },
  },
  'AWS/ES': {
    source:
      'docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-cloudwatchmetrics.html',
    metrics: every(['CPUUtilization', 'JVMMemoryPressure'], ['DomainName', 'ClientId']),
  },
  ContainerInsights: {
    // From the add-on amazon-cloudwatch-observability (terraform/modules/cluster).
    source:
      'docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html',
    metrics: every(['node_cpu_utilization', 'node_memory_utilization'], ['ClusterName']),
  },
  'AWS/ApplicationELB': {
    source:
      'docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html',
    metrics: every(
      [
        ...['RequestCount', 'TargetResponseTime', 'RejectedConnectionCount'],
        ...['HTTPCode_Target_5XX_Count', 'HTTPCode_ELB_5XX_Count', 'HTTPCode_Target_4XX_Count'],
      ],
      ['LoadBalancer'],
    ),
  },
  'AWS/Lambda': {
    source: 'docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html',
    metrics: every(
      ['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions'],
      ['FunctionName'],
      [],
    ),
  },
  'AWS/States': {
    source: 'docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html',
    metrics: every(
      [
        ...['ExecutionsStarted', 'ExecutionsSucceeded', 'ExecutionsFailed'],
        ...['ExecutionsTimedOut', 'ExecutionsAborted', 'ExecutionTime'],
      ],
      ['StateMachineArn'],
    ),
  },
}
