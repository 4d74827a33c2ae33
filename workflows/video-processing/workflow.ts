import { tmpdir } from 'node:os'
import * as z from 'zod'
import { type Environment, loadConfig } from '../../shared/config/load.ts'
import { openStorage } from '../../shared/storage/open.ts'
import { ffprobe } from './ffprobe.ts'
import { assessEncoding } from './steps/assess-encoding.ts'
import type { StepDeps } from './steps/hold.ts'
import { illustrate } from './steps/illustrate.ts'
import { markFailed } from './steps/mark-failed.ts'
import { probe } from './steps/probe.ts'
import { publish } from './steps/publish.ts'
import { verify } from './steps/verify.ts'
import { writePlaylists } from './steps/write-playlists.ts'

/**
 * The steps that `state-machine.asl.json` orders, by the name of their state with a small first
 * letter.
 */
export const steps = {
  probe,
  assessEncoding,
  illustrate,
  writePlaylists,
  verify,
  publish,
  markFailed,
}

const stepsSchema = z.object({
  /** The layer's; on one machine that of npm. */
  FFPROBE_PATH: z.string().default('/opt/bin/ffprobe'),
})

export const stepDeps = (environment: Environment): StepDeps => ({
  storage: openStorage(environment),
  probe: ffprobe(loadConfig(stepsSchema, environment).FFPROBE_PATH),
  scratchFolder: tmpdir(),
})
