import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openApi } from '../../../local/demo/api.ts'
import { meet } from '../../../local/demo/people.ts'
import type { ConcurrencyFigures } from '../../../local/hub/concurrency.ts'
import type { FunctionsReport } from '../../../local/hub/functions-report.ts'
import { createDurations, type Distribution } from '../../../local/lambda/distribution.ts'
import type { Campus } from '../../measure/campus.ts'
import { openMeasuredHub } from '../../measure/own-hub.ts'
import { openSender, requestsOf } from '../../measure/requests.ts'
import { sendOnSchedule } from '../../measure/schedule.ts'
import type { Arrival } from './arrivals.ts'

/** What became of the calls to one function. */
export type Played = {
  readonly calls: number
  /** By the Lambda host: there was no place. */
  readonly throttled: number
  /** Answers other than success, throttles and the gateway's breaker included. */
  readonly refused: number
  readonly coldStarts: number
  readonly runningMax: number
  /** From the moment when the call was due to its whole answer; refused ones are not among them. */
  readonly latencyMs: Distribution | null
  /** How long an invocation waited for its environment. */
  readonly waitMs: Distribution | null
  /** How long the handler ran. */
  readonly durationMs: Distribution | null
}

/** A whole run. */
export type Run = {
  readonly doors: ReadonlyMap<string, Played>
  /** How long an invocation had its place, on average, of every function: its wait for an environment and its run. */
  readonly heldMs: ReadonlyMap<string, number>
}

/**
 * Plays the arrivals against a hub that has exactly these figures, beginning with `leadSeconds` of calls that are not
 * counted: nobody's day begins with every environment cold.
 *
 * @param dataDir of a campus; its hub must have ended.
 */
export const play = async (options: {
  readonly dataDir: string
  readonly campus: Campus
  readonly figures: ConcurrencyFigures
  readonly arrivals: readonly Arrival[]
  readonly leadSeconds: number
}): Promise<Run> => {
  const { dataDir, campus, figures, arrivals, leadSeconds } = options
  const file = join(dataDir, 'concurrency.json')
  await writeFile(file, JSON.stringify(figures))
  const hub = await openMeasuredHub(dataDir, { HUB_CONCURRENCY: file })
  try {
    const calls = requestsOf(await signInAnew(campus, hub.url))
    await hub.quiet()
    const sender = openSender()
    const seen = new Map<string, ReturnType<typeof tally>>()
    let before: Promise<FunctionsReport> | undefined
    await sendOnSchedule(
      arrivals.map(({ dueMs }) => dueMs),
      async (index, intendedAt) => {
        const { functionKey, dueMs } = arrivals[index] ?? { functionKey: '', dueMs: 0 }
        const isCounted = dueMs >= leadSeconds * 1_000
        if (isCounted) before ??= hub.report()
        const choices = calls[functionKey] ?? []
        const call = choices[index % choices.length]?.()
        if (!call) throw new Error(`No call stands for ${functionKey} (tools/measure/requests.ts).`)
        const status = await sender.send(call)
        if (!isCounted) return
        const of = seen.get(functionKey) ?? tally()
        seen.set(functionKey, of)
        of.count(status, performance.now() - intendedAt)
      },
    )
    await sender.close()
    await hub.quiet()
    const after = await hub.report()
    return { doors: compare(seen, { before: await before, after }), heldMs: heldIn(after) }
  } finally {
    await hub.stop()
  }
}

/** Tokens name the hub that gave them, and this one has another port. */
const signInAnew = async (campus: Campus, url: string): Promise<Campus> => {
  const api = openApi(url)
  const again = ({ name, email }: { name: string; email: string }) =>
    meet({ api, url }, { name, email })
  return {
    ...campus,
    url,
    admin: await again(campus.admin),
    instructor: await again(campus.instructor),
    learner: await again(campus.learner),
  }
}

const tally = () => {
  const latencies = createDurations()
  const counts = { calls: 0, refused: 0 }
  return {
    counts,
    latencies,
    count(status: number, latencyMs: number) {
      counts.calls += 1
      if (status >= 200 && status < 400) latencies.record(latencyMs)
      else counts.refused += 1
    },
  }
}

const heldIn = ({ functions }: FunctionsReport): ReadonlyMap<string, number> =>
  new Map(
    Object.entries(functions).flatMap(([key, { durationMs, waitMs }]) =>
      durationMs ? [[key, durationMs.mean + (waitMs?.mean ?? 0)]] : [],
    ),
  )

const compare = (
  seen: ReadonlyMap<string, ReturnType<typeof tally>>,
  { before, after }: { before: FunctionsReport | undefined; after: FunctionsReport },
): ReadonlyMap<string, Played> =>
  new Map(
    [...seen].map(([key, { counts, latencies }]): [string, Played] => {
      const [one, other] = [before?.functions[key], after.functions[key]]
      return [
        key,
        {
          ...counts,
          throttled: (other?.throttles ?? 0) - (one?.throttles ?? 0),
          coldStarts: (other?.coldStarts ?? 0) - (one?.coldStarts ?? 0),
          runningMax: other?.runningMax ?? 0,
          latencyMs: latencies.read(),
          waitMs: other?.waitMs ?? null,
          durationMs: other?.durationMs ?? null,
        },
      ]
    }),
  )
