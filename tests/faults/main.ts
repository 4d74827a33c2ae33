import { parseArguments } from './arguments.ts'
import { rows } from './rows.ts'
import { runRows } from './runner.ts'

// `npm run test:faults [-- --minutes M --seed S --row 2,3]`: every row of the fault matrix against the real thing.
await runRows(rows, parseArguments(process.argv.slice(2)))
