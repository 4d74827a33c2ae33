import { SCALING_ENVIRONMENTS, SCALING_SECONDS } from '../limits.ts'
import type { Plan } from './plan.ts'
import { RECORDS_PER_BATCH_MAX, type Targets } from './policy.ts'
import type { Connections, Consumption } from './shared.ts'

/** Something that must change, in a sentence; the first is the most urgent. */
export type Finding = {
  readonly what: string
  /** Dollars a month; 0 where it costs nothing; null where it is for somebody else to price. */
  readonly usdPerMonth: number | null
}

/** What must change, most urgent first: what no figure of a function can mend comes before what one can. */
export const findingsOf = (
  plan: Plan,
  {
    connections,
    consumption,
    targets,
  }: { connections: Connections; consumption: readonly Consumption[]; targets: Targets },
): readonly Finding[] => [
  ...accountFindings(plan, targets),
  ...connectionFindings(connections),
  ...consumptionFindings(consumption),
  ...scalingFindings(plan),
  ...settingFindings(plan),
  ...blindSpots(plan),
]

const accountFindings = (
  { accountNeeded, proposed }: Plan,
  { account, throttledMax, headroom }: Targets,
): readonly Finding[] => {
  if (accountNeeded <= account) return []
  const why =
    proposed.throttled > throttledMax
      ? `what is not reserved (${proposed.unreserved}) throttles ${percent(proposed.throttled)} of its calls, ` +
        `and ${percent(proposed.throttledMost)} in the worst moment`
      : `there is no room for ${headroom} times the demand`
  return [
    {
      what: `Raise the account's concurrency from ${account} to ${accountNeeded} or more (a quota request): ${why}.`,
      usdPerMonth: 0,
    },
  ]
}

const connectionFindings = ({ needed, limit, instanceClass }: Connections): readonly Finding[] =>
  needed > limit
    ? [
        {
          what:
            `Take a larger database than ${instanceClass}, or shorten transactions: the peak needs ${needed} connections ` +
            `and the proxy has ${limit}.`,
          usdPerMonth: null,
        },
      ]
    : []

const consumptionFindings = (consumption: readonly Consumption[]): readonly Finding[] =>
  consumption
    .filter(({ recordsPerBatch }) => recordsPerBatch > RECORDS_PER_BATCH_MAX)
    .map(({ topic, group, eventsPerSecond, recordsPerBatch, partitions }) => ({
      what:
        `Give ${topic} more than ${partitions} partitions (it only grows, and moves keys): with ${Math.ceil(eventsPerSecond)} ` +
        `events a second ${group} falls behind until a batch carries ${recordsPerBatch} records.`,
      usdPerMonth: 0,
    }))

const scalingFindings = ({ functions }: Plan): readonly Finding[] =>
  functions
    .filter(({ proposed }) => proposed.cold.growthMax > SCALING_ENVIRONMENTS)
    .map(({ of, proposed }) => ({
      what:
        `${of.key} wants ${Math.ceil(proposed.cold.growthMax)} new environments within ${SCALING_SECONDS} s, and Lambda ` +
        `gives ${SCALING_ENVIRONMENTS}: keep the difference warm for the time of the burst.`,
      usdPerMonth: null,
    }))

const settingFindings = ({ functions }: Plan): readonly Finding[] =>
  functions
    .filter(
      ({ now, proposed }) =>
        now.reserved !== proposed.reserved || now.provisioned !== proposed.provisioned,
    )
    .toSorted((one, other) => other.now.throttled - one.now.throttled)
    .map(({ of, now, proposed }) => {
      const parts = [
        ...changed('reserve', now.reserved, proposed.reserved),
        ...changed('keep warm', now.provisioned, proposed.provisioned),
      ]
      return {
        what: `${of.key}: ${parts.join(', ')}.`,
        usdPerMonth: proposed.usdPerMonth - now.usdPerMonth,
      }
    })

const changed = (verb: string, now: number | undefined, proposed: number | undefined) =>
  now === proposed ? [] : [`${verb} ${proposed ?? 'none'} (now ${now ?? 'none'})`]

const blindSpots = ({ functions }: Plan): readonly Finding[] => {
  // A job that runs once an hour needs one place, however long it takes.
  const blind = functions.filter(
    ({ of, isMeasured, demand }) => !isMeasured && of.kind !== 'job' && demand.peakPerSecond > 0,
  )
  return blind.length === 0
    ? []
    : [
        {
          what: `Measure ${blind.map(({ of }) => of.key).join(', ')}: they are called, and nobody knows how long they take.`,
          usdPerMonth: 0,
        },
      ]
}

const percent = (share: number) => `${(share * 100).toPrecision(2)} %`
