import type { JWK } from 'jose'
import * as z from 'zod'
import { busSchema } from '../../shared/bus/open.ts'
import { type Environment, jsonVariable, loadConfig } from '../../shared/config/load.ts'

// jose checks the rest when it imports the key.
const privateJwk = z.looseObject({
  kty: z.literal('OKP'),
  kid: z.string().min(1),
  d: z.string().min(1),
}) as unknown as z.ZodType<JWK>

const perMinute = (calls: number) => z.coerce.number().int().min(1).max(1_000_000).default(calls)
const milliseconds = (duration: number, max: number) =>
  z.coerce.number().int().min(0).max(max).default(duration)

/** Every variable that the process reads. */
export const configSchema = z.object({
  ...busSchema.shape,
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  /** Address to listen on. */
  HOST: z.string().default('0.0.0.0'),
  /** Prometheus metrics, on a port of their own that no client reaches; without it there are none. */
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  /** The internal balancer. */
  INTERNAL_URL: z.url(),
  /** Where clients reach the hub; access tokens name it as their issuer. */
  PUBLIC_URL: z.url(),
  /** Ed25519, as a JWK with `d` and `kid`: signs the internal tokens. */
  INTERNAL_SIGNING_KEY: jsonVariable(privateJwk),
  /** Origins, separated by commas, whose pages may call from a browser. */
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((origin) => origin.trim()))
    .transform((origins) => origins.filter((origin) => origin !== ''))
    .pipe(z.array(z.url()).max(50)),
  /** Proxies before the gateway that append to `x-forwarded-for`: 1 behind the public balancer. */
  TRUSTED_HOPS: z.coerce.number().int().min(0).max(5).default(0),
  /** Counts calls for all replicas together. */
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  /** The URL is a cluster's (ElastiCache: cluster mode enabled). */
  REDIS_CLUSTER: z.stringbool().default(false),
  /** How long Redis has to count one call; then the replica counts by itself. */
  REDIS_TIMEOUT_MS: milliseconds(100, 10_000),
  RATE_DEFAULT: perMinute(1_200),
  RATE_WRITE: perMinute(600),
  RATE_SENSITIVE: perMinute(120),
  RATE_MEDIA: perMinute(6_000),
  /** For the head of a service’s answer; above the 29 s that a function may take. */
  UPSTREAM_TIMEOUT_MS: milliseconds(30_000, 120_000),
  /** For a whole request to arrive. */
  CLIENT_TIMEOUT_MS: milliseconds(30_000, 300_000),
  /** After SIGTERM, while balancers still send: keep answering, not ready. */
  DRAIN_DELAY_MS: milliseconds(5_000, 60_000),
  /** For what is under way, after that. */
  DRAIN_MS_MAX: milliseconds(20_000, 120_000),
  /** Path prefix -> base URL of the pod that takes its WebSockets, as JSON. */
  SOCKET_PODS: jsonVariable(
    z.record(z.string().regex(/^\/v1\/[a-z0-9-]+$/), z.url({ protocol: /^http$/ })),
  ).default({}),
  /** The document that `npm run openapi` wrote; without it, it is made from the contracts at start. */
  OPENAPI_FILE: z.string().min(1).optional(),
  /** What was built, as /health says it. */
  VERSION: z
    .string()
    .regex(/^[\w.-]{1,100}$/)
    .default('development'),
  /** Names this replica in the log's consumer groups. */
  REPLICA: z
    .string()
    .regex(/^[\w.-]{1,100}$/)
    .default('local'),
})

export type Config = z.output<typeof configSchema>

/** @throws an Error that names every wrong or missing variable. */
export const readConfig = (environment: Environment): Readonly<Config> =>
  loadConfig(configSchema, environment)
