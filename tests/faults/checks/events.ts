import { eventually } from '../../support/eventually.ts'
import type { Campus } from '../campus/campus.ts'
import { campusServices, mappingsOf, nameOf, reactedTypes } from '../campus/services.ts'
import type { Findings } from './findings.ts'
import { readLog } from './log.ts'

/**
 * G1 and G2 for events: every one that was committed is in the log, the first arrivals of each aggregate in order and
 * without gaps; every one that a service reacts to was taken by it, once.
 */
export const checkEvents = async (campus: Campus, findings: Findings): Promise<void> => {
  const log = await readLog(campus)
  const first = new Map<string, number>()
  for (const { envelope } of log) {
    const stream = `${envelope.source} ${envelope.subject}`
    const next = (first.get(stream) ?? 0) + 1
    if (envelope.sequence > next)
      findings.violations.push(`G1 ${stream}: ${envelope.sequence} came before ${next}`)
    if (envelope.sequence === next) first.set(stream, next)
  }
  for (const service of campusServices) {
    const schema = nameOf(service)
    const streams = await campus.database.query<{ subject: string; last: number }>(
      `select aggregate_id as subject, last_seq::int as last from ${schema}.outbox_stream
       where aggregate_id not like 'hub.%'`,
    )
    for (const { subject, last } of streams) {
      const published = first.get(`/${schema} ${subject}`) ?? 0
      if (published >= last) continue
      findings.lost += last - published
      findings.violations.push(`G1 ${schema} ${subject}: ${published} of ${last} events in the log`)
    }
    await checkInbox(campus, { service, log, findings })
  }
}

const TAKEN_TIMEOUT_MS = 30_000

const checkInbox = async (
  campus: Campus,
  options: {
    service: (typeof campusServices)[number]
    log: Awaited<ReturnType<typeof readLog>>
    findings: Findings
  },
) => {
  const { service, log, findings } = options
  const consumer = nameOf(service)
  const types = new Set<string>(reactedTypes(service))
  const topics = new Set(mappingsOf(service).map(({ topic }) => topic))
  const due = new Set<string>(
    log.flatMap(({ topic, envelope }) =>
      topics.has(topic) && types.has(envelope.type) ? [envelope.id] : [],
    ),
  )
  const look = async () => {
    const rows = await campus.database.query<{ id: string; isParked: boolean }>(
      `select event_id as id, false as "isParked" from ${consumer}.inbox where consumer = $1
       union all
       select event_id, true from ${consumer}.dead_letter where redriven_at is null and discarded_at is null`,
      [consumer],
    )
    const taken = new Set(rows.map(({ id }) => id))
    // What was parked was not taken: the backlog counts it.
    const missing = [...due].filter((id) => !taken.has(id))
    const unheard = rows.filter(({ id, isParked }) => !isParked && !due.has(id))
    return { missing: missing.length, unheard: unheard.length }
  }
  // A group that has never committed a partition has no lag there, and so may have looked quiet.
  const { missing, unheard } = await eventually(
    async () => {
      const seen = await look()
      if (seen.missing > 0) throw new Error('not everything is taken')
      return seen
    },
    { timeoutMs: TAKEN_TIMEOUT_MS },
  ).catch(look)
  if (missing > 0) {
    findings.lost += missing
    findings.violations.push(`G1 ${consumer} has not taken ${missing} events`)
  }
  if (unheard > 0)
    findings.violations.push(`G2 ${consumer} has taken ${unheard} events that are in no log`)
}
