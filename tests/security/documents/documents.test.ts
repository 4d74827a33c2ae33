import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { root } from '../../flow/hub.ts'
import { mistakeIn, namedIn } from './table.ts'

const document = readFileSync(join(root, 'docs', 'security.md'), 'utf8')

const textOf = (file: string): string | undefined => {
  const path = join(root, file)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

describe('docs/security.md', () => {
  it('names tests that exist, by file and title', () => {
    const named = namedIn(document)
    expect(named.length).toBeGreaterThan(60)
    expect(named.map((each) => mistakeIn(each, textOf)).filter(Boolean)).toEqual([])
  })

  it('has a line for every item of the API Top 10 and every chapter of the ASVS', () => {
    const api = Array.from({ length: 10 }, (_, index) => `| API${index + 1} `)
    const asvs = Array.from(
      { length: 17 },
      (_, index) => new RegExp(`^\\| V${index + 1}[. ,]`, 'm'),
    )
    expect(api.filter((start) => !document.includes(start))).toEqual([])
    expect(asvs.filter((start) => !start.test(document))).toEqual([])
  })

  it('is found out when it names what is not there', () => {
    const [gone, untitled] = namedIn(
      '`tests/gone.test.ts` "is there"; `tests/flow/hub.ts` "is no test"',
    )
    if (!gone || !untitled) throw new Error('both are named')
    expect(mistakeIn(gone, textOf)).toBe('tests/gone.test.ts does not exist')
    expect(mistakeIn(untitled, textOf)).toBe('tests/flow/hub.ts has no test "is no test"')
  })
})
