import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair } from 'jose'
import { freePort } from '../../local/free-port.ts'
import { packageHub } from '../../local/package/package.ts'
import { internalTokenMinter } from '../../shared/auth/internal-token.ts'
import { type EngineProcess, startEngine } from '../../tests/support/engines/process.ts'
import type { Bench, Contender, Running } from '../harness/bench.ts'
import { type CourseDatabase, ROLE_PASSWORD, startCourseDatabase } from './database.ts'
import { callsOf, type Kind, roundOf } from './load.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const FUNCTION = 'functions/course/lambda.mjs'

const benchOf = (kind: Kind): Pick<Bench, 'rounds' | 'contenders' | 'goals'> => ({
  rounds: 3,
  contenders: [hub(kind), fastify(kind)],
  goals: [{ metric: 'rps', against: 'Fastify + pg', atLeast: 0.9 }],
})

const hub = (kind: Kind): Contender => ({
  name: 'hub',
  async start() {
    const { codeRoot } = await packageHub({ root, reuse: true })
    const database = await startCourseDatabase()
    const keys = await internalKeys()
    return running(kind, {
      ...{ database, keys, program: 'door.ts', argument: join(codeRoot, FUNCTION) },
      environment: {
        DATABASE_URL: database.url,
        DATABASE_PASSWORD: ROLE_PASSWORD,
        INTERNAL_JWKS: JSON.stringify([keys.publicJwk]),
        INTERNAL_URL: 'http://127.0.0.1:9',
        PUBLIC_URL: 'http://hub.test',
        POWERTOOLS_METRICS_NAMESPACE: 'LearningHub',
      },
    })
  },
})

const fastify = (kind: Kind): Contender => ({
  name: 'Fastify + pg',
  async start() {
    const database = await startCourseDatabase()
    const keys = await internalKeys()
    return running(kind, { database, keys, program: 'bare-fastify.ts', argument: database.url })
  },
})

const running = async (
  kind: Kind,
  options: {
    readonly database: CourseDatabase
    readonly keys: InternalKeys
    readonly program: string
    readonly argument: string
    readonly environment?: Readonly<Record<string, string>>
  },
): Promise<Running> => {
  const { database, keys } = options
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({ ...options, port, url })
  return {
    // Internal tokens live for a minute: each round has its own.
    async round() {
      const calls = await callsOf(kind, { ...database, mint: keys.mint })
      return roundOf({ url, pid: server.pid, calls })
    },
    async stop() {
      await server.stop()
      await database.stop()
    },
  }
}

const startServer = (options: {
  readonly program: string
  readonly argument: string
  readonly port: number
  readonly url: string
  readonly environment?: Readonly<Record<string, string>>
}): Promise<EngineProcess> =>
  startEngine({
    program: 'sh',
    // What a function logs goes to a file on Lambda's side too; who reads it is none of ours.
    args: [
      ...['-c', 'exec "$@" > /dev/null', 'sh', process.execPath, ...NODE_ARGS],
      fileURLToPath(new URL(options.program, import.meta.url)),
      ...[String(options.port), options.argument],
    ],
    ...(options.environment && { environment: options.environment }),
    ready: () => fetch(options.url),
  })

/** `BENCH_CPU_PROF`: a folder for the process's CPU profile. */
const NODE_ARGS = [
  '--disable-warning=ExperimentalWarning',
  ...(process.env.BENCH_CPU_PROF
    ? ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_CPU_PROF}`]
    : []),
]

type InternalKeys = Awaited<ReturnType<typeof internalKeys>>

const internalKeys = async () => {
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  const kid = 'internal'
  return {
    mint: await internalTokenMinter({ ...(await exportJWK(pair.privateKey)), kid }),
    publicJwk: { ...(await exportJWK(pair.publicKey)), kid },
  }
}

const LOAD =
  'One request at a time, as a Lambda environment takes them, so `rps` is what a request costs in time; over one ' +
  'database connection to a PostgreSQL 15 without fsync. Twenty callers, whose internal tokens are reused as the ' +
  'gateway reuses them. `p50Ms` and `p99Ms`: vegeta, at half the rps of the same round.'

const OURS =
  'Ours is the packaged function’s handler: an ALB event in and out, token, permission, input and answer checked by ' +
  'the contract, one transaction with the tenant set (row-level security), log, metrics and trace. Its process also ' +
  'turns HTTP into events, which is the balancer’s work on AWS.'

const PEER =
  'The peer sends the same statements and checks nothing: no token, no tenant, no validation, no log.'

export const courseRead: Bench = {
  name: 'course-read',
  title:
    '`GET /v1/courses/{courseId}` of a published course through the Lambda door, against Fastify 5 + pg with the same SQL.',
  ...benchOf('read'),
  notes: [
    ...[LOAD, OURS, `${PEER} It needs no transaction.`],
    'Limit: the tenant needs a transaction. BEGIN and the tenant travel with the first statement, but COMMIT is a round ' +
      'trip that the peer does not make: three flights against two.',
  ],
}

export const courseWrite: Bench = {
  name: 'course-write',
  title: '`POST /v1/courses` through the Lambda door, against Fastify 5 + pg with the same SQL.',
  ...benchOf('write'),
  notes: [LOAD, OURS, `${PEER} The nudge of the outbox publisher is off.`],
}
