import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { freePort } from '../../../local/free-port.ts'
import { engineFolder } from './folder.ts'
import {
  type KafkaSignIn,
  makeSignIn,
  type SecuredListener,
  securedListener,
} from './kafka-security.ts'
import { type EngineProcess, startEngine } from './process.ts'
import { startTogether } from './together.ts'
import { debianProgram, mavenJars, run } from './toolbox.ts'

const KAFKA = 'org.apache.kafka:kafka_2.13:3.9.1'
const JVM = ['-Xmx384m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
/** Three JVMs at once take their time on a busy machine of two cores. */
const READY_TIMEOUT_MS = 180_000

export type KafkaBroker = {
  readonly nodeId: number
  /** `host:port` */
  readonly address: string
  readonly process: EngineProcess
  /** Starts it again on its data, after it was killed. */
  restart(): Promise<void>
}

export type KafkaCluster = {
  /** For KAFKA_BROKERS. */
  readonly brokers: string
  /** How clients sign in there, where the cluster was started `isSecured`. */
  readonly signIn: KafkaSignIn | undefined
  broker(nodeId: number): KafkaBroker
  stop(): Promise<void>
}

/**
 * A real Kafka (KRaft, brokers that are their own controllers), with one or three nodes and no automatic topics.
 *
 * @param isSecured clients come through TLS and SCRAM-SHA-512, as to MSK; brokers speak plainly to each other.
 */
export const startKafka = async ({
  nodes,
  isSecured = false,
}: {
  nodes: 1 | 3
  isSecured?: boolean
}): Promise<KafkaCluster> => {
  const java = await debianProgram('java', ['default-jre-headless'])
  const jars = await mavenJars('kafka', [KAFKA])
  const folder = await engineFolder('kafka')
  // Its first bit is 0, because a name that begins with a dash would be taken for an option.
  const [first = 0, ...rest] = randomBytes(16)
  const clusterId = Buffer.from([first & 0x7f, ...rest]).toString('base64url')
  const members = await Promise.all(
    Array.from({ length: nodes }, async (_, index) => ({
      nodeId: index + 1,
      port: await freePort(),
      controllerPort: await freePort(),
      securedPort: isSecured ? await freePort() : undefined,
    })),
  )
  const signIn = isSecured ? await makeSignIn(folder.path) : undefined
  const voters = members
    .map(({ nodeId, controllerPort }) => `${nodeId}@127.0.0.1:${controllerPort}`)
    .join()
  const addresses = members.map(({ port }) => `127.0.0.1:${port}`)
  const configs = await Promise.all(
    members.map(async (member) => {
      const home = join(folder.path, String(member.nodeId))
      await mkdir(home)
      const config = join(home, 'server.properties')
      const secured = signIn && securedListener(signIn, member.securedPort)
      await writeFile(config, propertiesOf({ ...member, home, voters, nodes, secured }))
      const format = ['format', '-t', clusterId, '-c', config, ...(signIn?.formatArgs ?? [])]
      await run(java, [...JVM, '-cp', jars, 'kafka.tools.StorageTool', ...format])
      return config
    }),
  )
  const launch = (config: string, ready: () => unknown) =>
    startEngine({
      program: java,
      args: [...JVM, '-cp', jars, 'kafka.Kafka', config],
      ready,
      readyTimeoutMs: READY_TIMEOUT_MS,
    })
  const allThere = () => expectBrokers(addresses, nodes)
  const processes = await startTogether(configs.map((config) => launch(config, allThere)))
  const brokerOf = (nodeId: number): KafkaBroker => {
    const index = nodeId - 1
    const [config, process] = [configs[index], processes[index]]
    if (!config || !process) throw new Error(`there is no broker ${nodeId}`)
    return {
      nodeId,
      address: addresses[index] ?? '',
      process,
      async restart() {
        processes[index] = await launch(config, allThere)
      },
    }
  }
  const secured = members.map(({ securedPort }) => `localhost:${securedPort}`)
  return {
    brokers: (isSecured ? secured : addresses).join(),
    signIn,
    broker: brokerOf,
    async stop() {
      // SIGTERM to all at once can leave one waiting for the others.
      await Promise.all(processes.map((each) => each.kill()))
      await folder.remove()
    },
  }
}

const expectBrokers = async (addresses: readonly string[], nodes: number) => {
  const kafka = new Kafka({
    clientId: 'readiness',
    brokers: [...addresses],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  })
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    if (brokers.length < nodes) throw new Error(`${brokers.length} of ${nodes} brokers are there`)
  } finally {
    await admin.disconnect()
  }
}

const propertiesOf = (options: {
  nodeId: number
  port: number
  controllerPort: number
  home: string
  voters: string
  nodes: number
  secured: SecuredListener | undefined
}): string => {
  const { nodeId, port, controllerPort, home, voters, nodes, secured } = options
  const replicas = nodes
  const inSync = Math.min(2, nodes)
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': voters,
    listeners: [
      `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      ...(secured ? [secured.address] : []),
    ].join(),
    'advertised.listeners': [
      `PLAINTEXT://127.0.0.1:${port}`,
      ...(secured ? [secured.address] : []),
    ].join(),
    'listener.security.protocol.map': [
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      ...(secured ? [secured.protocol] : []),
    ].join(),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(home, 'data'),
    'num.partitions': 3,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 5,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 400,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    ...secured?.properties,
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
