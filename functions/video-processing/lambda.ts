import type { Context } from 'aws-lambda'
import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { videoProcessing } from './service.ts'

const runtime = startRuntime(videoProcessing)

export const http = httpDoor(videoProcessing, runtime)
export const bus = busDoor(videoProcessing, runtime)
export const jobs = jobsDoor(videoProcessing, runtime)

/** MediaConvert's own events, as EventBridge brings them. */
export const progress = (event: { readonly detail: unknown }, context: Context): Promise<void> =>
  jobs({ job: 'recordProgress', detail: event.detail }, context)
