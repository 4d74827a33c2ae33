/**
 * Doors that learners notice within seconds, first things first: where what is shared would not be enough for everybody, these
 * get a reservation of their own, which nobody else can use up. They are kept warm where too many of their calls would start
 * cold. All other functions share what is left: a shared pool refuses less than the same number in parts. Without `rbacHttp`
 * the gateway lets nobody through.
 */
export const ESSENTIAL: readonly string[] = [
  'authHttp',
  'rbacHttp',
  'videoStreamingHttp',
  'assessmentHttp',
  'progressHttp',
  'courseHttp',
  'contentHttp',
  'enrollmentHttp',
]

/** What the plan aims at; each can be given on the command line. */
export type Targets = {
  /** Of the profile's calls, the share whose moments are planned for. */
  readonly quantile: number
  /** Share of calls that may be throttled. */
  readonly throttledMax: number
  /** Share of the calls of the worst minute that may start cold. */
  readonly coldMax: number
  /** Demand is planned so many times over. */
  readonly headroom: number
  /** Concurrent executions of the whole account. */
  readonly account: number
  /** Whether figures that stand there already may become less: the next profile may need what this one does not. */
  readonly mayLower: boolean
}

/**
 * A consumer takes what waits in one batch, up to a hundred records, so a group that falls behind gains on it again. Counting
 * on more than this is counting on too much.
 */
export const RECORDS_PER_BATCH_MAX = 10

/** Of functions called by name, which queue: busier than this, the queue grows in a bad minute. */
export const UTILISATION_MAX = 0.8
