import { parseArguments } from './arguments.ts'
import { writeReport } from './report.ts'
import { rows } from './rows.ts'
import { runRows } from './runner.ts'
import { soakFor } from './soak.ts'

// `npm run test:faults [-- --minutes M --seed S --row 2,3 --simulation | --soak M | --report]`: docs/reliability.md says what it is.
const options = parseArguments(process.argv.slice(2))
if (options.isReport) await writeReport(rows)
else if (options.soak) await runRows([soakFor(options.soak)], { ...options, only: [] })
else await runRows(rows, options)
