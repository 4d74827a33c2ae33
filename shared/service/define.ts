import type { Reactions } from '../bus/reaction.ts'
import type { Contract } from '../contracts/define.ts'
import type { Tenant, Tx } from '../db/transaction.ts'
import type { Handlers } from '../http/mount.ts'
import type { Instant } from '../kernel/time.ts'
import type { Log } from '../observe/logger.ts'
import type { Platform } from './platform.ts'

export type JobCall = {
  /** The schedule's input or the whole EventBridge event. */
  readonly input: unknown
  readonly now: Instant
  readonly log: Log
  transaction<Result>(tenant: Tenant, work: (tx: Tx) => Promise<Result>): Promise<Result>
}

/** What AWS itself calls: a schedule's tick or an EventBridge event. It opens its own transactions. */
export type Job<Deps> = (call: JobCall, deps: Deps) => Promise<void>

export type Jobs<Deps> = Readonly<Record<string, Job<Deps>>>

/**
 * The record every service is. A door that is missing here is a file that is missing in its folder.
 * It must not grow flags: what needs one is special and says so in its own code.
 */
export type Service<C extends Contract = Contract, Deps = unknown> = {
  readonly contract: C
  readonly routes: Handlers<C, Deps>
  readonly reactions?: Reactions<Deps>
  readonly jobs?: Jobs<Deps>
  /** What handlers get beside the request: storage, clients of other services, keys. Opens nothing. */
  deps(platform: Platform): Deps
}

/** Joins the parts of a service and checks them against each other. No I/O. */
export const defineService = <C extends Contract, Deps>(
  service: Service<C, Deps>,
): Service<C, Deps> => service
