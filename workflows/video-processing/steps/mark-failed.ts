import { fail, folderOf } from '../../../functions/video-processing/domain/processing.ts'
import { processings, videos } from '../../../functions/video-processing/store.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { removeFolder } from '../../../shared/storage/objects.ts'
import { type Caught, caughtSchema, failureOf } from '../domain/failure.ts'
import type { StepDeps, StepInput } from './hold.ts'

/** Says why the run failed, and removes what it has made. What is live stays. */
export const markFailed: Step<StepInput & { readonly failure: Caught }, void, StepDeps> = async (
  input,
  call,
  { storage },
) => {
  const failure = failureOf(caughtSchema.parse(input.failure))
  const processing = await call.transaction('*', async (tx) => {
    const video = await videos(tx).findForUpdate(input.videoId)
    const found = await processings(tx).findForUpdate(input)
    if (!video || found?.executionName !== input.executionName) return undefined
    const decision = fail(video, found, failure, call.now)
    if (decision.events.length > 0) {
      await processings(tx).save(decision.processing)
      await videos(tx).emit(decision.events)
    }
    return decision.processing
  })
  // From here on nobody may write there; the sweeper repeats it for what an encoder was still
  // writing.
  if (processing?.state === 'failed') await removeFolder(storage, folderOf(processing))
}
