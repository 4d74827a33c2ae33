import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { root } from '../measure/root.ts'
import { type Arguments, readArguments } from './arguments.ts'
import { diffOf, editsFor } from './files/edits.ts'
import { writeAndVerify } from './files/write.ts'
import { packagedTemplate } from './inputs.ts'
import type { Setting } from './plan/pool.ts'
import { refuseWorse } from './plan/worse.ts'
import { rehearse } from './rehearse/rehearse.ts'
import { htmlReport } from './report/page.ts'
import { terminalReport } from './report/terminal.ts'
import { type Studied, studyOf } from './study.ts'
import { printedQueries, queriesFor } from './traffic/queries.ts'

// `npm run concurrency [-- OPTIONS]`: what reserved and provisioned concurrency each function needs under a traffic
// profile, and what it costs. docs/operations/concurrency.md tells ops how to use it.

const main = async (args: Arguments): Promise<void> => {
  if (args['print-queries']) return printQueries(args)
  const studied = await studyOf(args)
  console.log(terminalReport(studied.study))
  if (args.html) {
    await mkdir(dirname(args.html), { recursive: true })
    await writeFile(args.html, htmlReport(studied.study))
    console.log(`\nThe same with pictures: ${args.html}`)
  }
  if (args.rehearse) console.log(await rehearse(studied, args))
  await change(studied, args)
}

const printQueries = async ({ template, stage = '', period = 60, part }: Arguments) => {
  const names = (await packagedTemplate(template)).functions.map(({ name }) => name)
  console.log(printedQueries(queriesFor(names, { stage, periodSeconds: period }), part))
}

const change = async ({ study }: Studied, { write }: Arguments): Promise<void> => {
  if (write) refuseWorse(study.plan, study.targets)
  const settings = new Map<string, Setting>(
    study.plan.functions.map(({ of, proposed: { reserved, provisioned } }) => [
      of.key,
      { reserved, provisioned },
    ]),
  )
  const edits = await editsFor(root, settings)
  console.log('')
  if (edits.length === 0) return console.log('The files say what is proposed.')
  for (const edit of edits) console.log(diffOf(root, edit))
  if (!write) return console.log('Nothing was written; --write does it.')
  await writeAndVerify(edits, settings)
  console.log(`${edits.length} file(s) written, and packaged: the template has these figures.`)
}

try {
  await main(readArguments(process.argv.slice(2)))
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
