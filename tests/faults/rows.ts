import type { FaultRow } from './fault-row.ts'
import { serviceKilled } from './rows/01-service-killed.ts'
import { publisherKilled } from './rows/02-publisher-killed.ts'
import { consumerKilled } from './rows/03-consumer-killed.ts'
import { kafkaAway } from './rows/04-kafka-away.ts'
import { postgresRestarts } from './rows/06-postgres-restarts.ts'
import { postgresFailover } from './rows/07-postgres-failover.ts'
import { duplicates } from './rows/10-duplicates.ts'
import { outOfOrder } from './rows/11-out-of-order.ts'
import { poison } from './rows/12-poison.ts'
import { diskFull } from './rows/13-disk-full.ts'
import { fsyncFails } from './rows/14-fsync-fails.ts'
import { clockSkew } from './rows/15-clock-skew.ts'
import { gatewayRestarts } from './rows/17-gateway-restarts.ts'
import { transcodeKilled } from './rows/19-transcode-killed.ts'
import { overload } from './rows/20-overload.ts'
import { rotatedKeys } from './rows/21-rotated-keys.ts'
import { frozenProcess } from './rows/22-frozen-process.ts'

/** The rows of the matrix that are played, in its order. */
export const rows: readonly FaultRow[] = [
  serviceKilled,
  publisherKilled,
  consumerKilled,
  kafkaAway,
  postgresRestarts,
  postgresFailover,
  duplicates,
  outOfOrder,
  poison,
  diskFull,
  fsyncFails,
  clockSkew,
  gatewayRestarts,
  transcodeKilled,
  overload,
  rotatedKeys,
  frozenProcess,
]
