import { runCost } from './run.ts'

// `npm run cost`: see flags.ts for what it takes, docs/cost.md for what it says.
process.exitCode = await runCost(process.argv.slice(2), {
  out: (text) => console.log(text),
  err: (text) => console.error(text),
})
