import { startRuntime } from '../../shared/lambda/stack.ts'
import { stepDoor } from '../../shared/lambda/step.ts'
import { stepDeps, steps } from './workflow.ts'

// The service's own role in the database (decision 0006).
const runtime = startRuntime({
  contract: { service: 'certificate' },
  deps: ({ environment }) => stepDeps(environment),
})

export const checkRule = stepDoor(steps.checkRule, runtime)
export const snapshot = stepDoor(steps.snapshot, runtime)
export const render = stepDoor(steps.render, runtime)
export const sign = stepDoor(steps.sign, runtime)
export const issue = stepDoor(steps.issue, runtime)
export const markFailed = stepDoor(steps.markFailed, runtime)
