/**
 * What AWS allows, by its documentation as of November 2026 (Lambda quotas; RDS for PostgreSQL `max_connections`).
 */
export const ACCOUNT_CONCURRENCY = 1_000
/** Lambda refuses reservations that leave less than this to functions without one. */
export const UNRESERVED_MIN = 100
/** New environments that one function gets within `SCALING_SECONDS`. */
export const SCALING_ENVIRONMENTS = 1_000
export const SCALING_SECONDS = 10
/** Synchronous requests a second, for each unit of concurrency that a function may use. */
export const REQUESTS_PER_CONCURRENCY = 10

/** RDS: `max_connections` = least(DBInstanceClassMemory / 9531392, 5000). */
export const BYTES_PER_CONNECTION = 9_531_392
export const CONNECTIONS_MAX = 5_000
/** Share that the proxy may take (terraform/modules/database/proxy.tf). */
export const PROXY_CONNECTIONS_SHARE = 0.9

/** Memory of the database classes that may be chosen, GiB. */
export const DATABASE_MEMORY_GIB: Readonly<Record<string, number>> = {
  'db.t4g.medium': 4,
  'db.t4g.large': 8,
  'db.r5.large': 16,
  'db.r5.xlarge': 32,
  'db.r5.2xlarge': 64,
  'db.r6g.large': 16,
  'db.r6g.xlarge': 32,
  'db.r7g.large': 16,
  'db.r7g.xlarge': 32,
}

/**
 * How long an idle environment is counted on. AWS promises nothing; measurements of others find 5 to 15 minutes, and
 * the shortest of them is taken.
 */
export const WARM_SECONDS = 300
