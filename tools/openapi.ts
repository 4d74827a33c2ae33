import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contracts } from '../shared/contracts/catalogue.ts'
import { toOpenApi } from '../shared/http/openapi.ts'
import { statusOf } from '../shared/http/problem.ts'
import type { ErrorKind } from '../shared/kernel/errors.ts'

// `npm run openapi [-- PATH]`: writes the merged document. Contracts list the codes of their refusals; which status
// each has is said where it is thrown, so those sources are read.

const DEFAULT_PATH = 'dist/openapi.json'
const SERVER_URL = 'https://hub.example.com'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = process.argv[2] ?? join(root, DEFAULT_PATH)

const sources = ['functions', 'workflows', 'shared', 'eks-workloads'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => join(root, folder, file))
    .filter((file) => statSync(file).isFile()),
)

const THROWN = /new DomainError\(\s*'(\w+)',\s*'([\w.-]+)'/g

const statuses = new Map(
  sources.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(THROWN)].map(([, kind, code]): [string, number] => [
      code ?? '',
      statusOf(kind as ErrorKind),
    ]),
  ),
)

const document = toOpenApi(Object.values(contracts), {
  serverUrl: process.env.PUBLIC_URL ?? SERVER_URL,
  statusOf: (code) => statuses.get(code),
})
await mkdir(dirname(target), { recursive: true })
await writeFile(target, `${JSON.stringify(document, undefined, 2)}\n`)
console.log(`${Object.keys(document.paths ?? {}).length} paths: ${target}`)
