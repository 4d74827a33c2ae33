import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { HubConfig } from './config.ts'
import type { Report } from './report.ts'

/**
 * Plays the main job through the public API in the background, so that a newcomer finds a course. Failing costs
 * nothing but the sample; the next start tries again.
 */
export const fillWithSample = ({
  config,
  url,
  report,
}: {
  config: HubConfig
  url: string
  report: Report
}): void => {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      ...[join(config.root, 'local', 'leash.ts'), '0', process.execPath],
      '--disable-warning=ExperimentalWarning',
      ...[
        join(config.root, 'local', 'demo', 'main.ts'),
        '--sample',
        join(config.dataDir, 'sample.json'),
      ],
    ],
    { env: { ...process.env, HUB_URL: url }, stdio: ['pipe', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = chunk.toString().trim() || said
  })
  child.once('exit', (code) =>
    report.say(
      code === 0
        ? `The sample course is there: ${url}/_hub`
        : `The sample course could not be made: ${said || `exit ${code}`}`,
    ),
  )
}
