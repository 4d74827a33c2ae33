import { folderOf } from '../../../functions/video-processing/domain/processing.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { removeFolder } from '../../../shared/storage/objects.ts'
import { assess, type Caught, caughtSchema } from '../domain/failure.ts'
import { type Encoding, encodingOf } from '../domain/job.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

/** Before another encoding, in seconds: what failed for a moment has passed. */
const PAUSE_SECONDS = 5

/** Decides whether an encoding that failed is tried again, as another job and on a clean folder. */
export const assessEncoding: Step<
  StepInput & { readonly failure: Caught },
  Encoding,
  StepDeps
> = async (input, call, { storage }) => {
  const { processing: before } = await hold(input, {}, call)
  const encodings = before.encodings + 1
  assess(caughtSchema.parse(input.failure), encodings)
  await removeFolder(storage, folderOf(before))
  const { video, processing } = await hold(input, { encodings }, call)
  const { source, rungs } = processing
  assert(source && rungs, 'what was encoded was probed')
  return encodingOf(video, { ...processing, source, rungs }, { pauseSeconds: PAUSE_SECONDS })
}
