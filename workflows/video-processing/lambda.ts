import { startRuntime } from '../../shared/lambda/stack.ts'
import { stepDoor } from '../../shared/lambda/step.ts'
import { stepDeps, steps } from './workflow.ts'

// The service's own role in the database (decision 0006).
const runtime = startRuntime({
  contract: { service: 'video-processing' },
  deps: ({ environment }) => stepDeps(environment),
})

export const probe = stepDoor(steps.probe, runtime)
export const assessEncoding = stepDoor(steps.assessEncoding, runtime)
export const illustrate = stepDoor(steps.illustrate, runtime)
export const writePlaylists = stepDoor(steps.writePlaylists, runtime)
export const verify = stepDoor(steps.verify, runtime)
export const publish = stepDoor(steps.publish, runtime)
export const markFailed = stepDoor(steps.markFailed, runtime)
