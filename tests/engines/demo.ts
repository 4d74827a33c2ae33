import { runJest, type Stage } from '../support/stages.ts'

/** The whole demo with PostgreSQL, Kafka, a Redis cluster and S3 in the place of every embedded engine. */
export const demo: Stage = {
  name: 'demo',
  run: () => runJest(['tests/engines/demo.test']),
}
