import { pause } from '../../shared/kernel/pulse.ts'
import { eventually } from '../support/eventually.ts'
import type { Campus } from './campus/campus.ts'
import { waitingIn } from './checks/backlog.ts'

const HEAL_TIMEOUT_MS = 120_000

/** How long until the next operation is acknowledged, from now. @throws when none is. */
export const untilAcknowledged = async ({ history }: Campus): Promise<number> => {
  const startedAt = performance.now()
  const countNow = () =>
    history.operations.filter(({ outcome }) => outcome === 'acknowledged').length
  const before = countNow()
  await eventually(
    () => {
      if (countNow() <= before) throw new Error('nothing is acknowledged')
    },
    { timeoutMs: HEAL_TIMEOUT_MS },
  )
  return Math.round(performance.now() - startedAt)
}

/** How long until the outboxes hold no more than `eventsMax`, from now. @throws when they do not get there. */
export const untilDrained = async (campus: Campus, eventsMax: number): Promise<number> => {
  const startedAt = performance.now()
  await eventually(
    async () => {
      const { unpublished } = await waitingIn(campus)
      if (unpublished > eventsMax) throw new Error(`${unpublished} events are not published`)
    },
    { timeoutMs: HEAL_TIMEOUT_MS },
  )
  return Math.round(performance.now() - startedAt)
}

/** Acknowledged operations a second over a stretch of time. */
export const rateOver = async (
  { history }: Campus,
  { ms, signal }: { ms: number; signal: AbortSignal },
): Promise<number> => {
  const acknowledged = () =>
    history.operations.filter(({ outcome }) => outcome === 'acknowledged').length
  const before = acknowledged()
  const startedAt = performance.now()
  await pause(ms, signal)
  const seconds = (performance.now() - startedAt) / 1_000
  return Math.round(((acknowledged() - before) / seconds) * 10) / 10
}
