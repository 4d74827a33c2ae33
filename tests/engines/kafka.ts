import { startKafka } from '../support/engines/kafka.ts'
import { runJest, type Stage } from '../support/stages.ts'

export const kafka: Stage = {
  name: 'kafka',
  async run() {
    const cluster = await startKafka({ nodes: 1 })
    try {
      return await runJest(['shared/bus/conformance'], { KAFKA_BROKERS: cluster.brokers })
    } finally {
      await cluster.stop()
    }
  },
}
