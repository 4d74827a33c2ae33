import {
  publish as decide,
  supersede,
} from '../../../functions/video-processing/domain/processing.ts'
import { processings, videos } from '../../../functions/video-processing/store.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { CaptionsChanged, LeaseLost } from '../errors.ts'
import type { StepDeps, StepInput } from './hold.ts'

/** Makes the verified version the live one: one transaction switches it and tells the world. */
export const publish: Step<StepInput, void, StepDeps> = async (input, call) => {
  const { videoId, executionName } = input
  await call.transaction('*', async (tx) => {
    const video = await videos(tx).findForUpdate(videoId)
    const processing = await processings(tx).findForUpdate(input)
    if (!video || processing?.executionName !== executionName) throw new LeaseLost()
    // The answer of an earlier call was lost.
    if (processing.state === 'ready') return
    if (processing.state !== 'processing') throw new LeaseLost()
    const { source, output } = processing
    assert(source && output, 'what is published was verified')
    if (output.captionsRevision !== video.captionsRevision) throw new CaptionsChanged()
    if (video.liveVersion !== null) {
      const former = await processings(tx).findForUpdate({ videoId, version: video.liveVersion })
      if (former) await processings(tx).save(supersede(former, call.now))
    }
    const published = decide(video, { ...processing, source, output }, call.now)
    await processings(tx).save(published.processing)
    await videos(tx).save(published.video)
    await videos(tx).emit(published.events)
  })
}
