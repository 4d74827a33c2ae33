import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'

export type Arguments = {
  readonly seed: string
  /** Rows to run; all where it is empty. */
  readonly only: readonly number[]
  /** Undefined: each row once. */
  readonly minutes: number | undefined
  /** Minutes of soak instead of rows. */
  readonly soak: number | undefined
  /** The simulation as well, where rows are picked; with all rows it runs anyway. */
  readonly isSimulated: boolean
  /** Renders docs/reliability.md and runs nothing. */
  readonly isReport: boolean
}

/** @throws an Error with a sentence about what is wrong with the command line. */
export const parseArguments = (args: readonly string[]): Arguments => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      row: { type: 'string' },
      minutes: { type: 'string' },
      soak: { type: 'string' },
      simulation: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
    },
  })
  return {
    seed: values.seed ?? randomBytes(4).toString('hex'),
    only: numbersIn('row', values.row ?? ''),
    minutes: numbersIn('minutes', values.minutes ?? '')[0],
    soak: numbersIn('soak', values.soak ?? '')[0],
    isSimulated: values.simulation,
    isReport: values.report,
  }
}

const numbersIn = (name: string, text: string): readonly number[] =>
  text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const number = Number(part)
      if (!Number.isFinite(number) || number <= 0)
        throw new Error(`--${name} takes positive numbers, not ${part}.`)
      return number
    })
