import { join } from 'node:path'
import { beforeAll, describe, expect, it } from '@jest/globals'
import type { Person } from '../../local/demo/people.ts'
import { packageHub } from '../../local/package/package.ts'
import type { Campus } from '../measure/campus.ts'
import { readMeasurement } from '../measure/function-figures.ts'
import { readPackaged } from '../measure/packaged.ts'
import { requestsOf } from '../measure/requests.ts'
import { root } from '../measure/root.ts'
import { ESSENTIAL } from './plan/policy.ts'
import { type Stack, stackOf } from './stack.ts'
import { builtInTraffic, PROFILE_NAMES } from './traffic/profiles.ts'

// The tools' own tables against what is really packaged: a door that is renamed or added must not be forgotten here.

let stack: Stack
beforeAll(async () => {
  const { templatePath } = await packageHub({ root, reuse: true })
  stack = stackOf(await readPackaged(templatePath))
}, 120_000)

const keysOfKind = (kind: string) =>
  stack.functions.filter((one) => one.kind === kind).map(({ key }) => key)

describe('the packaged stack', () => {
  it('tells by its triggers who calls a function', () => {
    const of = (key: string) => stack.functions.find((one) => one.key === key)
    expect(of('courseHttp')).toMatchObject({ kind: 'door', usesDatabase: true, memoryMb: 512 })
    expect(of('courseBus')).toMatchObject({
      kind: 'consumer',
      topics: ['hub.enrollment.v1', 'hub.organization.v1'],
    })
    expect(of('outboxPublisher')).toMatchObject({ kind: 'async', takesHints: true })
    expect(of('outboxPublisher')?.scheduledPerSecond).toBeCloseTo(1 / 60 + 1 / 600)
    expect(of('rbacJobs')).toMatchObject({ kind: 'job', reserved: 1, takesHints: false })
    expect(of('certificateIssuanceSign')?.kind).toBe('step')
    expect(of('videoProcessingProgress')?.kind).toBe('event')
  })

  it('has as many consumers of a topic as mappings, on the registry’s partitions', () => {
    const groups = stack.subscriptions.filter(({ topic }) => topic === 'hub.assessment.v1')
    expect(groups.map(({ group }) => group).toSorted()).toEqual([
      ...['hub.certificate.assessment', 'hub.content.assessment', 'hub.progress.assessment'],
    ])
    expect(new Set(stack.subscriptions.map(({ partitions }) => partitions))).toEqual(new Set([12]))
  })

  it('has every function that the policy and the profiles name', () => {
    const doors = keysOfKind('door')
    expect(doors).toEqual(expect.arrayContaining([...ESSENTIAL]))
    for (const name of PROFILE_NAMES)
      expect([...(builtInTraffic(name, 1)?.rates.keys() ?? [])].toSorted()).toEqual(
        doors.toSorted(),
      )
  })

  it('has a call that stands for each door', () => {
    const person = { accessToken: 'token' } as Person
    // Only addresses are made of it, and none is asked.
    const campus = {
      ...{ url: 'http://hub', learner: person, instructor: person, admin: person },
      lessonIds: {},
    } as Campus
    expect(Object.keys(requestsOf(campus)).toSorted()).toEqual(keysOfKind('door').toSorted())
  })

  it('has every function that was measured', async () => {
    const keys = new Set(stack.functions.map(({ key }) => key))
    const file = join(root, 'docs', 'measurements', 'functions.json')
    const { functions } = await readMeasurement(file, keys)
    expect(Object.keys(functions)).toEqual(expect.arrayContaining(keysOfKind('door')))
  })
})
