import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Processing, Video } from '../../functions/video-processing/domain/processing.ts'
import { INPUT_FILE, planJob } from '../../local/mediaconvert/plan.ts'
import { type InputFacts, probe } from '../../local/mediaconvert/probe.ts'
import { type JobSettings, parseJobRequest } from '../../local/mediaconvert/settings.ts'
import { ffmpegPath, ffprobePath } from '../../local/mediaconvert/tool-paths.ts'
import { newId } from '../../shared/kernel/id.ts'
import { encodingOf } from '../../workflows/video-processing/domain/job.ts'
import { ladderFor } from '../../workflows/video-processing/domain/ladder.ts'
import type { Running } from '../harness/bench.ts'
import { cpuSeconds } from '../harness/processes.ts'

const PROBE_TIMEOUT_MS = 60_000

/** The one command that makes the hub's ladder of a film: the same renditions, settings and binary, and nothing else. */
export const startCommand = async (film: string): Promise<Running> => {
  const facts = await probe(ffprobePath(), film, 'AUTO', AbortSignal.timeout(PROBE_TIMEOUT_MS))
  const { args } = planJob(ladderOf(facts), facts)
  return {
    async round() {
      const folder = await mkdtemp(join(tmpdir(), 'hub-bench-'))
      try {
        await copyFile(film, join(folder, INPUT_FILE))
        const before = cpuSeconds([process.pid])
        const startedAt = performance.now()
        await runFfmpeg(args, folder)
        const seconds = (performance.now() - startedAt) / 1_000
        return { seconds, cpuSeconds: cpuSeconds([process.pid]) - before }
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
    stop: async () => {},
  }
}

/** @throws an Error unless it ends well. */
export const runFfmpeg = async (args: readonly string[], folder: string): Promise<void> => {
  const child = spawn(ffmpegPath(), args, { cwd: folder, stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}`)
}

/** The job that the workflow hands to MediaConvert, without the pictures of its second group. */
const ladderOf = ({ video, durationSeconds = 0, audioIndexes }: InputFacts): JobSettings => {
  const source = {
    ...{ widthPx: video.width, heightPx: video.height, durationMs: durationSeconds * 1_000 },
    hasAudio: audioIndexes.length > 0,
  }
  const ids = { videoId: newId('video'), organizationId: newId('organization') }
  const { Settings } = encodingOf(
    // As much of a video and its run as the job's settings speak of.
    { ...ids, bucket: 'media', sourceKey: 'source' } as unknown as Video,
    {
      ...({ ...ids, version: 1, executionName: 'bench', encodings: 0 } as unknown as Processing),
      ...{ source, rungs: ladderFor(source) },
    },
    { pauseSeconds: 0 },
  )
  const { settings } = parseJobRequest({ role: 'bench', settings: onTheWire(Settings) })
  return { ...settings, outputGroups: settings.outputGroups.slice(0, 1) }
}

/** The SDK's names begin with a capital letter, those of its protocol do not. */
const onTheWire = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(onTheWire)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [
      // The names of audio selectors are data.
      name.includes(' ') ? name : `${name.charAt(0).toLowerCase()}${name.slice(1)}`,
      onTheWire(held),
    ]),
  )
}
