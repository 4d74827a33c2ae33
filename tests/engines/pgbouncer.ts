import { runJest, type Stage } from '../support/stages.ts'

/**
 * Every suite that opens the database as a service does, through PgBouncer in transaction mode, which is stricter than
 * RDS Proxy: no session, no named statement, no LISTEN.
 */
export const pgbouncer: Stage = {
  name: 'pgbouncer',
  run: () => runJest(SUITES, { HUB_TEST_POOLER: 'on' }),
}

// The embedded log stays out: it listens, but on one machine there is no pooler. So does the video workflow, which has
// the statements of functions/video-processing and spends its time in ffmpeg.
const SUITES = [
  'tests/engines/pgbouncer.test',
  ...['shared/db/', 'shared/http/idempotency', 'shared/outbox/', 'shared/bus/consume'],
  ...['functions/[^/]+/(service|publisher|sweeper).test', 'workflows/certificate-issuance/'],
]
