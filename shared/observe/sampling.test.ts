import { describe, expect, it } from '@jest/globals'
import { everyTrace, sampling, samplingOf } from './sampling.ts'
import { continueTrace, traceIdOf, traceparentOf } from './trace.ts'

const TRACES = 20_000

const w3c = () => traceIdOf(continueTrace(undefined))
/** As the balancer writes it: the first eight digits are the second. */
const xRay = () => {
  const root = `Root=1-5759e988-${w3c().slice(8)}`
  return traceIdOf(traceparentOf(new Headers({ 'x-amzn-trace-id': root })))
}

describe('sampling', () => {
  it.each([
    ['W3C', w3c],
    ['X-Ray', xRay],
  ])('keeps its share of the traces that begin with an id of %s', (_, newTrace) => {
    const isLogged = sampling(0.1)
    const logged = Array.from({ length: TRACES }, newTrace).filter(isLogged).length
    // Eight standard deviations to each side.
    const deviation = Math.sqrt(TRACES * 0.1 * 0.9)
    expect(Math.abs(logged - TRACES * 0.1)).toBeLessThan(8 * deviation)
  })

  it('decides alike wherever a trace is seen, and a larger share keeps what a smaller one kept', () => {
    for (const traceId of Array.from({ length: 1_000 }, w3c)) {
      const decisions = [0.1, 0.1, 0.5, 1].map((share) => sampling(share)(traceId))
      expect(decisions[1]).toBe(decisions[0])
      expect(decisions).toEqual(decisions.toSorted())
    }
  })

  it('keeps none of nothing, and all of everything', () => {
    const edges = ['0'.repeat(32), 'f'.repeat(32)]
    expect(edges.filter(sampling(0))).toEqual([])
    expect(edges.filter(sampling(1))).toEqual(edges)
    expect(edges.filter(everyTrace)).toEqual(edges)
  })

  it('is told by LOG_SHARE, and keeps everything where that is absent', () => {
    const edges = ['0'.repeat(32), 'f'.repeat(32)]
    expect(edges.filter(samplingOf({}))).toEqual(edges)
    expect(edges.filter(samplingOf({ LOG_SHARE: '0.5' }))).toEqual(['0'.repeat(32)])
    for (const LOG_SHARE of ['', '-1', '1.5', '10%', 'half'])
      expect(() => samplingOf({ LOG_SHARE })).toThrow('LOG_SHARE')
  })
})
