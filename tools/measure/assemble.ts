import type { FunctionsReport } from '../../local/hub/functions-report.ts'
import type { FunctionFigures, Measurement } from './function-figures.ts'

/** What a measurement says, and which functions of the template it says nothing of. */
export type Assembled = {
  readonly functions: Measurement['functions']
  /** In the packaged template and never invoked. */
  readonly missing: readonly string[]
}

/**
 * Joins what the hub counted with the events of the outbox.
 *
 * @param keys the functions of the packaged template.
 * @throws an Error when the hub counted a function that the template has not.
 */
export const assemble = (options: {
  readonly report: FunctionsReport
  readonly events: ReadonlyMap<string, number>
  readonly keys: ReadonlySet<string>
}): Assembled => {
  const { report, events, keys } = options
  const unknown = Object.keys(report.functions).filter((key) => !keys.has(key))
  if (unknown.length > 0)
    throw new Error(`The hub runs functions that are not packaged: ${unknown.join(', ')}.`)
  const functions = Object.entries(report.functions)
    .flatMap(([key, { invocations, durationMs, initMs }]): [string, FunctionFigures][] => {
      if (durationMs === null) return []
      const { mean, p50, p95, p99 } = durationMs
      return [
        [
          key,
          {
            invocations,
            durationMs: {
              ...{ mean: round(mean), p50: round(p50) },
              ...{ p95: round(p95), p99: round(p99) },
            },
            initMs: initMs && { p50: round(initMs.p50), p95: round(initMs.p95) },
            maxMemoryMb: null,
            eventsPerInvocation: round((events.get(key) ?? 0) / invocations),
          },
        ],
      ]
    })
    .toSorted(([one], [other]) => one.localeCompare(other, 'en'))
  const measured = new Set(functions.map(([key]) => key))
  return {
    functions: Object.fromEntries(functions),
    missing: [...keys].filter((key) => !measured.has(key)).toSorted(),
  }
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000
