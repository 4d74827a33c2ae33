import type { Processing, Video } from '../../../functions/video-processing/domain/processing.ts'
import { processings, videos, type Work } from '../../../functions/video-processing/store.ts'
import type { VideoId } from '../../../shared/kernel/id.ts'
import type { StepCall } from '../../../shared/lambda/step.ts'
import type { Storage } from '../../../shared/storage/open.ts'
import { LeaseLost, NotYetRecorded } from '../errors.ts'
import type { Probe } from '../ffprobe.ts'

/** What every state hands to its step. */
export type StepInput = {
  readonly videoId: VideoId
  readonly version: number
  readonly executionName: string
  readonly traceparent: string
}

export type StepDeps = {
  readonly storage: Storage
  readonly probe: Probe
  /** Where a source is kept while it is probed. */
  readonly scratchFolder: string
}

export type Held = { readonly video: Video; readonly processing: Processing }

/**
 * Extends the execution's lease on its run and keeps what it has done so far.
 *
 * @throws LeaseLost when the run is another's or over, NotYetRecorded when there is none (yet).
 */
export const hold = (input: StepInput, work: Work, call: StepCall): Promise<Held> =>
  call.transaction('*', async (tx) => {
    const store = processings(tx)
    let processing = await store.hold(input, work, call.now)
    if (!processing) {
      // The run is recorded, or taken over, in the transaction that starts us: whoever waits for its row, and looks
      // again, cannot take one that was just committed for another's.
      if (!(await store.findForUpdate(input))) throw new NotYetRecorded()
      processing = await store.hold(input, work, call.now)
    }
    if (!processing) throw new LeaseLost('the run is over or another’s')
    const video = await videos(tx).find(input.videoId)
    if (!video) throw new LeaseLost('the video was deleted')
    return { video, processing }
  })
