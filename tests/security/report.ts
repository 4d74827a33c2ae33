import { appendFileSync } from 'node:fs'

/** Says something of a run that counts cannot say, like its coverage; main.ts shows it beside the counts. */
export const say = (line: string): void => {
  const file = process.env.SECURITY_REPORT
  if (file) appendFileSync(file, `${line}\n`)
}
