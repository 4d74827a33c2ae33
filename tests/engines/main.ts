import { runStages, type Stage } from '../support/stages.ts'
import { demo } from './demo.ts'
import { kafka, kafkaCluster, kafkaFaults } from './kafka.ts'
import { pgbouncer } from './pgbouncer.ts'
import { redisCluster } from './redis.ts'
import { replica } from './replica.ts'
import { storage } from './storage.ts'
import { workflows } from './workflows.ts'

// `npm run test:engines [-- NAME …]`: the same code on the real engines. Each stage starts what it needs; a tool that
// cannot be had fails it with a sentence.
const stages: readonly Stage[] = [
  ...[kafka, kafkaCluster, kafkaFaults],
  ...[redisCluster, pgbouncer, replica, storage, workflows],
  demo,
]

await runStages(stages)
