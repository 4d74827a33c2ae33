import { both, count, every, mentions, prod, type Row, set } from '../row.ts'

const PRIMARY = 'database.aws_db_instance.primary'
const PROXY = 'database.aws_db_proxy.this'
const REDIS = 'cache.aws_elasticache_replication_group.this'
const KAFKA = 'events.aws_msk_cluster.this'
const SEARCH = 'search.aws_opensearch_domain.this'
const TLS = 'encryption_info.0.encryption_in_transit.0'

const isTrue = (value: unknown) => value === true

const databaseRows: readonly Row[] = [
  both({ line: 'PostgreSQL', address: PRIMARY, path: 'engine', is: 'postgres', not: 'mysql' }),
  both({ line: 'PostgreSQL 15', address: PRIMARY, path: 'engine_version', is: '15', not: '14' }),
  prod({
    line: 'RDS db.r5.xlarge',
    address: PRIMARY,
    path: 'instance_class',
    is: 'db.r5.xlarge',
    not: 'db.t3.micro',
  }),
  prod({ line: 'RDS Multi-AZ', address: PRIMARY, path: 'multi_az', is: true, not: false }),
  prod({ line: 'RDS 500 GB', address: PRIMARY, path: 'allocated_storage', is: 500, not: 100 }),
  prod({
    line: 'RDS growing to 1 TB',
    address: PRIMARY,
    path: 'max_allocated_storage',
    is: 1_000,
    not: 500,
  }),
  every({
    line: 'RDS encrypted, replicas included',
    type: 'aws_db_instance',
    path: 'storage_encrypted',
    is: isTrue,
    not: false,
  }),
  every({
    line: 'RDS not public, replicas included',
    type: 'aws_db_instance',
    path: 'publicly_accessible',
    is: (value) => value === false,
    not: true,
  }),
  mentions({
    line: 'RDS by TLS only',
    address: 'database.aws_db_parameter_group.this',
    path: 'parameter',
    texts: ['{"name":"rds.force_ssl","value":"1"}'],
  }),
  prod({
    line: 'RDS 30-day backups',
    address: PRIMARY,
    path: 'backup_retention_period',
    is: 30,
    not: 29,
  }),
  every({
    // Recovery to a point in time comes with backups, and goes with them.
    line: 'RDS point-in-time recovery',
    type: 'aws_db_instance',
    path: 'backup_retention_period',
    is: (value) => value !== 0,
    not: 0,
  }),
  both({
    line: 'RDS backups outlive the instance',
    address: PRIMARY,
    path: 'delete_automated_backups',
    is: false,
    not: true,
  }),
  both({
    line: 'RDS can not be deleted by mistake',
    address: PRIMARY,
    path: 'deletion_protection',
    is: true,
    not: false,
  }),
  prod({
    line: 'RDS backups in a second region, 30 days',
    address: 'database.aws_db_instance_automated_backups_replication.other_region',
    path: 'retention_period',
    is: 30,
    not: 7,
  }),
  set(
    {
      line: 'two read replicas (analytics, reporting)',
      address: 'database.aws_db_instance.replica',
      path: 'identifier',
      is: ['learning-hub-prod-analytics', 'learning-hub-prod-reporting'],
    },
    ['prod'],
  ),
  both({
    line: 'RDS Proxy for PostgreSQL',
    address: PROXY,
    path: 'engine_family',
    is: 'POSTGRESQL',
    not: 'MYSQL',
  }),
  both({
    line: 'RDS Proxy by TLS only',
    address: PROXY,
    path: 'require_tls',
    is: true,
    not: false,
  }),
  count({
    line: 'RDS Proxy leads to the primary',
    address: 'database.aws_db_proxy_target.primary',
    is: 1,
  }),
]

const cacheRows: readonly Row[] = [
  both({
    line: 'ElastiCache Redis',
    address: REDIS,
    path: 'engine',
    is: 'redis',
    not: 'memcached',
  }),
  prod({
    line: 'Redis cache.r5.large',
    address: REDIS,
    path: 'node_type',
    is: 'cache.r5.large',
    not: 'cache.t3.micro',
  }),
  prod({ line: 'Redis 3 shards', address: REDIS, path: 'num_node_groups', is: 3, not: 1 }),
  prod({
    line: 'Redis 2 replicas of each shard',
    address: REDIS,
    path: 'replicas_per_node_group',
    is: 2,
    not: 0,
  }),
  both({
    line: 'Redis in several zones',
    address: REDIS,
    path: 'multi_az_enabled',
    is: true,
    not: false,
  }),
  both({
    line: 'Redis fails over',
    address: REDIS,
    path: 'automatic_failover_enabled',
    is: true,
    not: false,
  }),
  mentions({
    line: 'Redis cluster mode',
    address: 'cache.aws_elasticache_parameter_group.this',
    path: 'parameter',
    texts: ['{"name":"cluster-enabled","value":"yes"}'],
  }),
  both({
    line: 'Redis encrypted at rest',
    address: REDIS,
    path: 'at_rest_encryption_enabled',
    is: 'true',
    not: 'false',
  }),
  both({
    line: 'Redis encrypted on the way',
    address: REDIS,
    path: 'transit_encryption_enabled',
    is: true,
    not: false,
  }),
]

const kafkaRows: readonly Row[] = [
  prod({ line: 'MSK 3 brokers', address: KAFKA, path: 'number_of_broker_nodes', is: 3, not: 2 }),
  prod({
    line: 'MSK kafka.m5.large',
    address: KAFKA,
    path: 'broker_node_group_info.0.instance_type',
    is: 'kafka.m5.large',
    not: 'kafka.t3.small',
  }),
  prod({
    line: 'MSK 100 GB each',
    address: KAFKA,
    path: 'broker_node_group_info.0.storage_info.0.ebs_storage_info.0.volume_size',
    is: 100,
    not: 10,
  }),
  both({
    line: 'MSK by TLS only',
    address: KAFKA,
    path: `${TLS}.client_broker`,
    is: 'TLS',
    not: 'TLS_PLAINTEXT',
  }),
  both({
    line: 'MSK TLS between brokers',
    address: KAFKA,
    path: `${TLS}.in_cluster`,
    is: true,
    not: false,
  }),
  both({
    line: 'MSK knows its clients',
    address: KAFKA,
    path: 'client_authentication.0.unauthenticated',
    is: false,
    not: true,
  }),
  mentions({
    line: 'MSK makes no topic by itself and loses no acknowledged write',
    address: 'events.aws_msk_configuration.this',
    path: 'server_properties',
    texts: [
      'auto.create.topics.enable=false',
      'default.replication.factor=3',
      'min.insync.replicas=2',
      'unclean.leader.election.enable=false',
    ],
  }),
]

const searchRows: readonly Row[] = [
  both({
    line: 'OpenSearch 2.11',
    address: SEARCH,
    path: 'engine_version',
    is: 'OpenSearch_2.11',
    not: 'OpenSearch_1.3',
  }),
  prod({
    line: 'OpenSearch 3 data nodes',
    address: SEARCH,
    path: 'cluster_config.0.instance_count',
    is: 3,
    not: 1,
  }),
  prod({
    line: 'OpenSearch dedicated masters',
    address: SEARCH,
    path: 'cluster_config.0.dedicated_master_enabled',
    is: true,
    not: false,
  }),
  prod({
    line: 'OpenSearch 3 masters',
    address: SEARCH,
    path: 'cluster_config.0.dedicated_master_count',
    is: 3,
    not: 1,
  }),
  prod({
    line: 'OpenSearch 100 GB each',
    address: SEARCH,
    path: 'ebs_options.0.volume_size',
    is: 100,
    not: 10,
  }),
  both({
    line: 'OpenSearch in three zones',
    address: SEARCH,
    path: 'cluster_config.0.zone_awareness_config.0.availability_zone_count',
    is: 3,
    not: 2,
  }),
  both({
    line: 'OpenSearch encrypted at rest',
    address: SEARCH,
    path: 'encrypt_at_rest.0.enabled',
    is: true,
    not: false,
  }),
  both({
    line: 'OpenSearch encrypted between nodes',
    address: SEARCH,
    path: 'node_to_node_encryption.0.enabled',
    is: true,
    not: false,
  }),
  both({
    line: 'OpenSearch by HTTPS only',
    address: SEARCH,
    path: 'domain_endpoint_options.0.enforce_https',
    is: true,
    not: false,
  }),
]

/** PostgreSQL, Redis, Kafka and OpenSearch. */
export const dataRows: readonly Row[] = [...databaseRows, ...cacheRows, ...kafkaRows, ...searchRows]
