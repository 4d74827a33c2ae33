import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'

// What the documents name exists: npm scripts, files and folders, and where links lead.

const root = fileURLToPath(new URL('../..', import.meta.url))
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const pages = [
  join(root, 'README.md'),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(root, 'docs', name)),
]

/** What stands for many (`<name>`, `*`, `…`, NAME) is no path. */
const PATTERN = /[<>*{}$…]|\b[A-Z]{4,}\b(?!\.md)/
const FOLDERS =
  /^(docs|functions|shared|local|tests|tools|terraform|workflows|eks-workloads|layers|bench)\/[\w./-]*$/

const scriptsIn = (text: string): readonly string[] =>
  [...text.matchAll(/npm run ([a-z][\w:-]*)/g)].map(([, name = '']) => name)

const pathsIn = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`\n]+)`/g)]
    .map(([, code = '']) => code)
    .filter((code) => FOLDERS.test(code) && !PATTERN.test(code))

const linksIn = (text: string): readonly string[] =>
  [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))

const complaintsAbout = (page: string, text: string): readonly string[] => [
  ...scriptsIn(text)
    .filter((name) => !(name in scripts))
    .map((name) => `${page}: npm run ${name} does not exist`),
  ...pathsIn(text)
    .filter((path) => !existsSync(join(root, path)))
    .map((path) => `${page}: ${path} does not exist`),
  ...linksIn(text)
    .filter((target) => !existsSync(join(root, dirname(page), target)))
    .map((target) => `${page}: its link to ${target} leads nowhere`),
]

describe('the documents', () => {
  it('name scripts, files and pages that exist', () => {
    expect(pages.length).toBeGreaterThan(30)
    const complaints = pages.flatMap((page) =>
      complaintsAbout(relative(root, page), readFileSync(page, 'utf8')),
    )
    expect(complaints).toEqual([])
  })

  it('are all in the index of operations', () => {
    const folder = join(root, 'docs/operations')
    const index = readFileSync(join(folder, 'README.md'), 'utf8')
    const missing = readdirSync(folder).filter(
      (name) => name !== 'README.md' && !index.includes(`(${name})`),
    )
    expect(missing).toEqual([])
  })

  it('are caught with a script, a file or a link that is not there', () => {
    const text =
      'Run `npm run nothing`, see `tools/nothing.ts` and [this](gone.md), not `shared/<x>/y.ts`.'
    expect(complaintsAbout('docs/page.md', text)).toEqual([
      'docs/page.md: npm run nothing does not exist',
      'docs/page.md: tools/nothing.ts does not exist',
      'docs/page.md: its link to gone.md leads nowhere',
    ])
  })
})
