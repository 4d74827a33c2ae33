import pg from 'pg'
import type { Bus } from '../../../shared/bus/port.ts'

/** Where a process ends itself with SIGKILL, which no code of it can notice. */
export type CrashPlan = {
  /** Steps count from the first statement on that matches: what comes before is only idling. */
  readonly armedBy: string
  /** A step is a statement to the database or a send to the log; counted from 1. */
  readonly step: number
  /** `before`: it is never sent. `after`: it was done, and the process never learnt of it. */
  readonly side: 'before' | 'after'
}

/**
 * Puts the plan into this process: every await on the outside world is a place where it can die, both sides of the
 * commit included. @returns a wrapper for the log, whose sends count as steps too.
 */
export const plantCrash = ({ armedBy, step, side }: CrashPlan) => {
  const arming = new RegExp(armedBy)
  let steps = 0
  let isArmed = false
  const die = () => process.kill(process.pid, 'SIGKILL')
  const count = (text: string): boolean => {
    isArmed ||= arming.test(text)
    if (isArmed) steps += 1
    return isArmed && steps === step
  }
  const around = async <Result>(text: string, work: () => Promise<Result>): Promise<Result> => {
    const isHere = count(text)
    if (isHere && side === 'before') die()
    const result = await work()
    if (isHere) die()
    return result
  }
  const query = pg.Client.prototype.query
  // The driver's method has ten overloads; a promise or a callback is what they come down to.
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const [first] = args
    const text = typeof first === 'string' ? first : String((first as { text?: string }).text)
    const callback = args.at(-1)
    if (typeof callback !== 'function') return around(text, () => Reflect.apply(query, this, args))
    const isHere = count(text)
    if (isHere && side === 'before') die()
    const told = (...results: unknown[]) => (isHere ? die() : callback(...results))
    return Reflect.apply(query, this, [...args.slice(0, -1), told])
  } as typeof query
  return (bus: Bus): Bus => ({ ...bus, send: (records) => around('send', () => bus.send(records)) })
}
