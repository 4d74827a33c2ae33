import { fixed, plus, times } from '../../bill/formula.ts'
import { type Line, sharedLine } from '../../bill/line.ts'
import { load } from '../../inputs/scenario.ts'
import { committed, type Inputs } from '../inputs.ts'
import { MONTH_HOURS } from '../month.ts'
import { size } from '../sizes.ts'

const TWO_ZONES = fixed('instances of Multi-AZ', 2, 'instances', 'primary and standby')
const ONE_ZONE = fixed('instances', 1, 'instances', 'no standby')
/** RDS Proxy bills the target's virtual CPUs, two at least. */
const PROXY_VCPUS_MIN = 2

/** PostgreSQL, Redis, Kafka, OpenSearch and their backups, as Terraform sizes them. */
export const engineLines = (inputs: Inputs): readonly Line[] => [
  ...databaseLines(inputs),
  ...backupLines(inputs),
  ...cacheLines(inputs),
  ...eventLines(inputs),
  ...searchLines(inputs),
]

const databaseLines = (inputs: Inputs): readonly Line[] => {
  const { prices, platform, assumptions } = inputs
  const { database } = platform.sizes
  const storage = size(platform, 'storage', database.storage_gb, 'GB')
  const replicas = size(platform, 'replicas', database.replicas.length, 'replicas')
  const database_ = (id: string, title: string, cost: Line['cost']) =>
    sharedLine('database', 'AmazonRDS', `rds.${id}`, title, cost)
  return [
    database_(
      'primary',
      `PostgreSQL ${database.instance_class}${database.is_multi_az ? ' Multi-AZ' : ''}`,
      times(
        database.is_multi_az ? TWO_ZONES : ONE_ZONE,
        MONTH_HOURS,
        committed(inputs, 'rds', `rds.${database.instance_class}`),
      ),
    ),
    database_(
      'storage',
      'Storage of PostgreSQL',
      times(storage, prices.of(database.is_multi_az ? 'rds.gp3.multi-az' : 'rds.gp3')),
    ),
    database_(
      'replicas',
      `Read replicas ${database.replica_instance_class}`,
      times(
        replicas,
        plus(
          times(MONTH_HOURS, committed(inputs, 'rds', `rds.${database.replica_instance_class}`)),
          times(storage, prices.of('rds.gp3')),
        ),
      ),
    ),
    database_(
      'proxy',
      'RDS Proxy',
      times(
        proxyVcpus(assumptions.vcpus(database.instance_class)),
        MONTH_HOURS,
        prices.of('rds.proxy'),
      ),
    ),
  ]
}

const proxyVcpus = (vcpus: ReturnType<Inputs['assumptions']['vcpus']>) =>
  vcpus.value.lt(PROXY_VCPUS_MIN)
    ? fixed('vCPUs billed at least', PROXY_VCPUS_MIN, 'vCPUs', 'RDS Proxy pricing')
    : vcpus

/** Backups up to the database's own size are free with RDS; the load says what lies beyond. */
const backupLines = ({ prices, platform, scenario, assumptions }: Inputs): readonly Line[] => {
  const { database, cache } = platform.sizes
  const gb = load(scenario, 'backupGb')
  const copies = sharedLine(
    'backups',
    'AmazonRDS',
    'backups.region',
    'Backups in the second region',
    plus(
      times(
        // The part that is free beside a database is not free where there is none.
        plus(gb, size(platform, 'storage of PostgreSQL', database.storage_gb, 'GB')),
        prices.of('rds.backup', 'us-west-2'),
      ),
      times(
        gb,
        fixed(
          'part that is new each month',
          '0.5',
          'of the backups',
          'log archive and changed blocks',
        ),
        prices.of('transfer.regions'),
      ),
    ),
  )
  return [
    sharedLine(
      'backups',
      'AmazonRDS',
      'backups.database',
      'Backups of PostgreSQL',
      times(gb, prices.of('rds.backup')),
    ),
    ...(database.has_regional_backups ? [copies] : []),
    sharedLine(
      'backups',
      'AmazonElastiCache',
      'backups.cache',
      'Snapshots of Redis',
      times(
        size(platform, 'shards', cache.shards, 'shards'),
        assumptions.of('cacheSnapshotGb'),
        prices.of('elasticache.backup'),
      ),
    ),
  ]
}

const cacheLines = (inputs: Inputs): readonly Line[] => {
  const { cache } = inputs.platform.sizes
  return [
    sharedLine(
      'cache',
      'AmazonElastiCache',
      'cache.nodes',
      `Redis ${cache.node_type}`,
      times(
        size(inputs.platform, 'shards', cache.shards, 'shards'),
        plus(
          fixed('primary of a shard', 1, 'nodes'),
          size(inputs.platform, 'replicas of a shard', cache.replicas, 'nodes'),
        ),
        MONTH_HOURS,
        committed(inputs, 'elasticache', `elasticache.${cache.node_type}`),
      ),
    ),
  ]
}

const eventLines = ({ prices, platform }: Inputs): readonly Line[] => {
  const { events } = platform.sizes
  return [
    sharedLine(
      'events',
      'AmazonMSK',
      'msk.brokers',
      `Kafka ${events.instance_type}`,
      times(
        size(platform, 'brokers', events.brokers, 'brokers'),
        plus(
          times(MONTH_HOURS, prices.of(`msk.${events.instance_type}`)),
          times(
            size(platform, 'disk of a broker', events.storage_gb, 'GB'),
            prices.of('msk.storage'),
          ),
        ),
      ),
    ),
  ]
}

const searchLines = (inputs: Inputs): readonly Line[] => {
  const { prices, platform } = inputs
  const { search } = platform.sizes
  const nodes = size(platform, 'data nodes', search.instances, 'nodes')
  const masters = size(platform, 'master nodes', search.masters, 'nodes')
  const hourly = (type: string) =>
    times(MONTH_HOURS, committed(inputs, 'opensearch', `opensearch.${type}`))
  return [
    sharedLine(
      'search',
      'AmazonES',
      'search.nodes',
      `OpenSearch ${search.instance_type}`,
      plus(
        times(
          nodes,
          plus(
            hourly(search.instance_type),
            times(
              size(platform, 'disk of a data node', search.storage_gb, 'GB'),
              prices.of('opensearch.gp3'),
            ),
          ),
        ),
        times(masters, hourly(search.master_instance_type)),
      ),
    ),
  ]
}
