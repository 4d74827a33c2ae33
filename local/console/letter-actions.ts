import type { RecordPlace } from '../../shared/bus/dead-letter.ts'
import type { OperatorCall } from '../../shared/lambda/bus.ts'
import { LambdaApiError } from '../lambda/errors.ts'
import { functionKeyOf } from '../template/template.ts'
import { type Note, REDRIVEN_AT_ONCE_MAX } from './dead-letter-pages.ts'
import { notFound, PageError } from './errors.ts'
import type { Parts } from './parts.ts'

/** The consumers that a template has: each service with a bus door, and its function. */
export const consumersOf = (template: Parts['template']): ReadonlyMap<string, string> =>
  new Map(
    template.functions.flatMap(({ name }) => {
      const key = functionKeyOf(name)
      return key.endsWith('Bus') ? [[kebab(key.slice(0, -'Bus'.length)), name] as const] : []
    }),
  )

const kebab = (key: string): string =>
  key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Has its consumer try a parked record again. */
export const redriveLetter = async (
  parts: Parts,
  { consumer, place }: { consumer: string; place: RecordPlace },
): Promise<Note> => {
  const { redriven, failed } = await call(parts, consumer, { redrive: { recordsMax: 1, place } })
  if (redriven) return 'redriven'
  return failed ? 'still-parked' : 'not-parked'
}

/** Has a consumer try its parked records again, the least tried first. */
export const redriveAll = async (
  parts: Parts,
  consumer: string,
): Promise<{ readonly redriven: number; readonly failed: number }> => {
  const recordsMax = REDRIVEN_AT_ONCE_MAX
  const { redriven = 0, failed = 0 } = await call(parts, consumer, { redrive: { recordsMax } })
  return { redriven, failed }
}

/** Has its consumer give a parked record up. */
export const discardLetter = async (
  parts: Parts,
  { consumer, ...given }: { consumer: string; place: RecordPlace; by: string; reason: string },
): Promise<Note> => {
  const { discarded } = await call(parts, consumer, { discard: given })
  return discarded ? 'discarded' : 'not-parked'
}

type Done = { readonly redriven?: number; readonly failed?: number; readonly discarded?: number }

/** As an operator would on AWS: by the consumer's own function, whose role alone may write its rows. */
const call = async (
  { lambda, template }: Parts,
  consumer: string,
  event: OperatorCall,
): Promise<Done> => {
  const name = consumersOf(template).get(consumer)
  if (name === undefined) throw notFound(`There is no consumer ${consumer}.`)
  const { payload, functionError } = await lambda
    .invoke(name, JSON.stringify(event))
    .catch((error: unknown) => {
      if (!(error instanceof LambdaApiError)) throw error
      throw new PageError(503, `${functionKeyOf(name)} takes no call just now: ${error.message}`)
    })
  if (functionError)
    throw new PageError(
      502,
      `${functionKeyOf(name)} has failed; the logs say why. Nothing is lost.`,
    )
  return JSON.parse(payload)
}
