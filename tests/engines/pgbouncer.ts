import { runJest, type Stage } from '../support/stages.ts'

/**
 * Every suite that opens the database as a service does, through PgBouncer in transaction mode, which is stricter than
 * RDS Proxy: no session, no named statement, no LISTEN.
 */
export const pgbouncer: Stage = {
  name: 'pgbouncer',
  run: () => runJest(SUITES, { HUB_TEST_POOLER: 'on' }),
}

// The embedded log stays out: it listens, but on one machine there is no pooler.
const SUITES = [
  'tests/engines/pgbouncer.test',
  ...['shared/db/', 'shared/http/idempotency', 'shared/outbox/', 'shared/bus/consume'],
  ...['functions/[^/]+/(service|publisher|sweeper).test', 'workflows/[^/]+/workflow.test'],
]
