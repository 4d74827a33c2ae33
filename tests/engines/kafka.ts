import { type KafkaCluster, startKafka } from '../support/engines/kafka.ts'
import { type Counts, runJest, type Stage } from '../support/stages.ts'

const CONFORMANCE = ['shared/bus/conformance', '--testNamePattern', '^Kafka']

/** The bus on one broker, in plain text. */
export const kafka: Stage = {
  name: 'kafka',
  run: async () =>
    on(await startKafka({ nodes: 1 }), ({ brokers }) =>
      runJest(CONFORMANCE, { KAFKA_BROKERS: brokers }),
    ),
}

/** The bus and the topics on three brokers, reached as MSK is: through TLS and SCRAM. */
export const kafkaCluster: Stage = {
  name: 'kafka-cluster',
  run: async () =>
    on(await startKafka({ nodes: 3, isSecured: true }), async ({ brokers, signIn }) => {
      const environment = {
        KAFKA_BROKERS: brokers,
        KAFKA_TLS: 'true',
        KAFKA_USERNAME: signIn?.username ?? '',
        KAFKA_PASSWORD: signIn?.password ?? '',
        NODE_EXTRA_CA_CERTS: signIn?.certificateFile ?? '',
      }
      // Apart, since a name pattern holds for all files of a run.
      const topics = await runJest(['tests/engines/topics.test'], environment)
      const bus = await runJest(CONFORMANCE, environment)
      return { passed: topics.passed + bus.passed, failed: topics.failed + bus.failed }
    }),
}

/** The outbox publisher while brokers freeze, die and come back. It starts brokers of its own. */
export const kafkaFaults: Stage = {
  name: 'kafka-faults',
  run: () => runJest(['tests/engines/kafka-faults.test']),
}

const on = async (
  cluster: KafkaCluster,
  work: (cluster: KafkaCluster) => Promise<Counts>,
): Promise<Counts> => {
  try {
    return await work(cluster)
  } finally {
    await cluster.stop()
  }
}
