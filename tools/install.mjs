// Runs on whatever Node the machine has (>= 20), before anything is installed: plain JavaScript, no
// dependencies. Installs from the lockfile when `node_modules` is missing or older than the lockfile.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const NODE_MAJOR_MIN = 20

const fail = (sentence) => {
  console.error(sentence)
  process.exit(1)
}

const major = Number(process.versions.node.split('.')[0])
if (major < NODE_MAJOR_MIN)
  fail(`Learning Hub needs Node ${NODE_MAJOR_MIN} or newer; this is Node ${process.versions.node}.`)

const lockfile = readFileSync(join(root, 'package-lock.json'))
const wanted = createHash('sha256').update(lockfile).digest('hex')
const stampFile = join(root, 'node_modules', '.installed')
const installed = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : ''

if (installed !== wanted) {
  const startedAt = Date.now()
  console.log('Installing the packages of package-lock.json …')
  // `npm install`, not `npm ci`: it obeys the same lockfile, but does not refuse a registry mirror that
  // lacks the binaries of platforms this machine is not.
  const result = spawnSync(
    'npm',
    ['install', '--prefer-offline', '--no-save', '--no-fund', '--no-audit', '--loglevel=error'],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32' },
  )
  if (result.status !== 0)
    fail(`npm install failed (${result.error?.message ?? `exit ${result.status}`}); see above.`)
  writeFileSync(stampFile, wanted)
  console.log(`Installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`)
}
