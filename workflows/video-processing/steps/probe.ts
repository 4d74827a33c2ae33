import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Source, Video } from '../../../functions/video-processing/domain/processing.ts'
import { FILE_BYTES_MAX } from '../../../shared/contracts/media.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { downloadObject, isMissing } from '../../../shared/storage/objects.ts'
import type { Storage } from '../../../shared/storage/open.ts'
import { type Encoding, encodingOf } from '../domain/job.ts'
import { ladderFor } from '../domain/ladder.ts'
import { declaredSeconds, probedSchema, sourceOf } from '../domain/source.ts'
import { VideoRejected } from '../errors.ts'
import { type Probe, ProbeFailed } from '../ffprobe.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

/** Looks at the source, decides the renditions, and writes the encoding job. */
export const probe: Step<StepInput, Encoding, StepDeps> = async (input, call, deps) => {
  const { video } = await hold(input, { stage: 'probing', percent: 1 }, call)
  const source = await look(video, deps)
  const rungs = ladderFor(source)
  const work = { stage: 'transcoding', percent: 5, source, rungs } as const
  const { processing } = await hold(input, work, call)
  return encodingOf(video, { ...processing, source, rungs }, { pauseSeconds: 0 })
}

/** The file is fetched by us and probed from the disk: ffprobe itself reaches no network. */
const look = async (
  video: Video,
  { storage, probe: run, scratchFolder }: StepDeps,
): Promise<Source> => {
  if (video.sourceBytes > FILE_BYTES_MAX.video)
    throw new VideoRejected('too_large', 'The file is larger than a video may be.')
  const path = join(scratchFolder, `source-${randomUUID()}`)
  try {
    await download(video, path, storage)
    return await examine(path, run)
  } finally {
    await rm(path, { force: true })
  }
}

const download = async (video: Video, path: string, { s3 }: Storage): Promise<void> => {
  const accept = (sizeBytes: number) => {
    if (sizeBytes === 0) throw new VideoRejected('empty', 'The file is empty.')
    if (sizeBytes !== video.sourceBytes)
      throw new VideoRejected('source_changed', 'The file is not the one that was uploaded.')
  }
  try {
    await downloadObject({ s3, bucket: video.bucket }, video.sourceKey, path, { accept })
  } catch (error) {
    if (isMissing(error))
      throw new VideoRejected('source_missing', 'The uploaded file is not there any more.')
    throw error
  }
}

const examine = async (path: string, run: Probe): Promise<Source> => {
  try {
    const answer = await run(path, ['-show_streams', '-show_format', '-of', 'json'])
    const probed = probedSchema.parse(JSON.parse(answer))
    const seconds = declaredSeconds(probed) ?? (await packetSeconds(path, run))
    return sourceOf(probed, seconds)
  } catch (error) {
    if (error instanceof ProbeFailed) throw rejection(error.message)
    throw error
  }
}

/** For a container that does not say how long it is: the instant of its last picture. */
const packetSeconds = async (path: string, run: Probe): Promise<number> => {
  const entries = ['-select_streams', 'v:0', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0']
  const seconds = (await run(path, entries)).split('\n').map(Number).filter(Number.isFinite)
  return seconds.reduce((latest, one) => Math.max(latest, one), 0)
}

const rejection = (complaint: string): VideoRejected =>
  /moov atom not found|truncat|end of file/i.test(complaint)
    ? new VideoRejected('truncated', 'The file is cut off or damaged: it cannot be opened.')
    : new VideoRejected('not_a_video', 'The file is not a video that can be read.')
