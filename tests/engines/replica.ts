import { runJest, type Stage } from '../support/stages.ts'

/** A primary with a streaming replica: lag, the replica's address in the place of the primary's, and a failover. */
export const replica: Stage = {
  name: 'replica',
  run: () => runJest(['tests/engines/replica.test']),
}
