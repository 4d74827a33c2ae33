import type { HealthCheck, TargetGroup } from '../template/template.ts'
import { readAnswer } from './answer.ts'
import { albEvent } from './event.ts'
import type { Invoke } from './invoke.ts'

export type HealthState = 'initial' | 'healthy' | 'unhealthy'

/**
 * Checks of the target groups that enable them. The state is for people to see: a group of one
 * target fails open, so an unhealthy function still gets requests.
 */
export type HealthChecks = {
  /** By target group ARN; a group without checks is not in it. */
  readonly states: () => Readonly<Record<string, HealthState>>
  readonly stop: () => void
}

export function startHealthChecks(groups: readonly TargetGroup[], invoke: Invoke): HealthChecks {
  const states = new Map<string, HealthState>()
  const stops = groups.flatMap((group) => {
    if (!group.healthCheck) return []
    states.set(group.arn, 'initial')
    return [watch(group, group.healthCheck, invoke, (state) => states.set(group.arn, state))]
  })
  const stop = () => {
    for (const one of stops) one()
  }
  return { states: () => Object.fromEntries(states), stop }
}

function watch(
  group: TargetGroup,
  check: HealthCheck,
  invoke: Invoke,
  report: (state: HealthState) => void,
): () => void {
  let streak = { passed: true, length: 0 }
  let isFirst = true
  let timer: NodeJS.Timeout
  let stopped = false

  const round = async () => {
    const passed = await passes(group, check, invoke)
    if (stopped) return
    streak = { passed, length: passed === streak.passed ? streak.length + 1 : 1 }
    const needed = passed ? check.healthyThreshold : check.unhealthyThreshold
    // A new target is in service after its first success.
    if (streak.length >= needed || (isFirst && passed)) report(passed ? 'healthy' : 'unhealthy')
    isFirst = false
    timer = setTimeout(round, check.intervalSeconds * 1_000).unref()
  }
  timer = setTimeout(round, 0).unref()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

async function passes(group: TargetGroup, check: HealthCheck, invoke: Invoke): Promise<boolean> {
  const request = { method: 'GET', path: check.path, query: [] }
  const event = albEvent(group, request, [['user-agent', 'ELB-HealthChecker/2.0']], Buffer.alloc(0))
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), check.timeoutSeconds * 1_000).unref()
  })
  try {
    const invoked = await Promise.race([
      invoke(group.functionName, JSON.stringify(event), {}),
      late,
    ])
    if (!invoked || invoked.functionError) return false
    return matches(check.matcher, readAnswer(invoked.payload, group.multiValueHeaders).status)
  } catch {
    // Throttled, failed or malformed: each is a failed check, and the function's log has the
    // reason.
    return false
  } finally {
    clearTimeout(timer)
  }
}

/** `200,204` or `200-299`. */
function matches(matcher: string, status: number): boolean {
  return matcher.split(',').some((part) => {
    const [from, to] = part.split('-').map(Number)
    return status >= (from ?? 0) && status <= (to ?? from ?? 0)
  })
}
