import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LICENCES } from './licences.ts'

// `npm run check`: every gate that needs no test run. Each runs, whatever the others said; one that fails fails all.
const root = fileURLToPath(new URL('..', import.meta.url))
const bin = (name: string) => join(root, 'node_modules', '.bin', name)

const gates: readonly { name: string; command: readonly string[] }[] = [
  { name: 'format and lint', command: [bin('biome'), 'check', '--error-on-warnings', '.'] },
  { name: 'types', command: [bin('tsc'), '-p', '.'] },
  {
    name: 'architecture',
    command: [
      ...[process.execPath, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
      ...[join(root, 'node_modules/jest/bin/jest.js'), '--silent', 'tests/architecture'],
    ],
  },
  { name: 'API description', command: [process.execPath, join(root, 'tools/openapi.ts')] },
  { name: 'its lint', command: [bin('redocly'), 'lint', 'dist/openapi.json'] },
  {
    name: 'licences',
    command: [
      ...[
        bin('license-checker-rseidelsohn'),
        '--production',
        '--summary',
        '--excludePrivatePackages',
      ],
      ...['--onlyAllow', LICENCES.join(';')],
    ],
  },
]

const run = ({ name, command }: (typeof gates)[number]): Promise<boolean> => {
  const startedAt = performance.now()
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.log(`failed  ${name}: ${error.message}`)
      resolve(false)
    })
    child.once('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
      console.log(`${code === 0 ? 'ok    ' : 'failed'}  ${name} (${seconds} s)`)
      if (code !== 0) console.log(output)
      resolve(code === 0)
    })
  })
}

let passed = 0
for (const gate of gates) if (await run(gate)) passed += 1
console.log(`${passed} passed, ${gates.length - passed} failed`)
process.exit(passed === gates.length ? 0 : 1)
