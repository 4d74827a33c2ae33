import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { type Resource, readResources, STAGES } from './resources.ts'
import { dataRows } from './rows/data.ts'
import { edgeRows } from './rows/edge.ts'
import { networkRows } from './rows/network.ts'
import { operationsRows } from './rows/operations.ts'
import { storageRows } from './rows/storage.ts'
import { securityGroupRows } from './security-groups.ts'

// The platform's list, line by line, against what `npm run check:terraform` planned and applied for each stage. Every
// line is shown to fail: the same resources with the smallest change that the line forbids must be complained about.

const folder = process.env.HUB_PLANS ?? ''
const rows = [
  ...networkRows,
  ...securityGroupRows,
  ...dataRows,
  ...storageRows,
  ...edgeRows,
  ...operationsRows,
]

describe.each(STAGES)('the platform of %s', (stage) => {
  let read: Record<'plan' | 'state', readonly Resource[]>
  const copyOf = (kind: 'plan' | 'state'): Resource[] => structuredClone([...read[kind]])

  beforeAll(() => {
    const of = (kind: string) =>
      readResources(readFileSync(join(folder, stage, `${kind}.json`), 'utf8'))
    read = { plan: of('plan'), state: of('state') }
  })

  const lines = rows.filter(({ stages }) => stages.includes(stage))

  it.each(lines)('$line', ({ reads, complaints }) => {
    expect(complaints(read[reads], stage)).toEqual([])
  })

  it.each(lines)('would notice the opposite of: $line', ({ reads, complaints, breaks }) => {
    const broken = copyOf(reads)
    breaks(broken)
    expect(complaints(broken, stage)).not.toEqual([])
  })
})
