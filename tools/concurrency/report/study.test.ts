import { describe, expect, it } from '@jest/globals'
import { figuresOf, sampleContext, sampleStack, sampleTraffic } from '../fixtures/sample.ts'
import { planFor } from '../plan/plan.ts'
import { htmlReport } from './page.ts'
import type { Study } from './study.ts'
import { terminalReport } from './terminal.ts'

const studyOf = (rates: Readonly<Record<string, readonly number[]>>): Study => {
  const traffic = sampleTraffic(rates)
  const plan = planFor({ ...sampleContext, traffic, figures: figuresOf(sampleStack) })
  return {
    ...{ traffic, targets: sampleContext.targets, plan, consumption: [], findings: [] },
    connections: { instanceClass: 'db.r5.xlarge', limit: 1, needed: 0, clients: 0 },
    durations: 'none',
  }
}

describe('a report', () => {
  it('warns of a second that the quantile leaves out, and shows it beside the peak', () => {
    const study = studyOf({ authHttp: [...Array(9_999).fill(100), 900], userHttp: [2, 3, 4] })
    for (const report of [terminalReport(study), htmlReport(study)]) {
      expect(report).toContain('100 (most 900)')
      expect(report).toMatch(
        /Warning: authHttp is planned for 100 calls a second, and its busiest 1 s have 900 a second: .* 0\.1 % of the calls/,
      )
      expect(report).not.toContain('Warning: userHttp')
    }
  })

  it('says in its table that what is reserved is the most, too', () => {
    const study = studyOf({ authHttp: [1] })
    expect(terminalReport(study)).toContain('reserved = most')
    expect(htmlReport(study)).toContain('<th>reserved = most</th>')
  })
})
