import { runJest, type Stage } from '../support/stages.ts'

/** The gateway's limits, and what does not depend on them, on a Redis cluster of three shards. */
export const redisCluster: Stage = {
  name: 'redis-cluster',
  run: () => runJest(['tests/engines/redis-cluster.test']),
}
