import { bundle } from './bundle/bundle.ts'
import { certificates } from './certificates/bench.ts'
import { courseRead, courseWrite } from './course/course.ts'
import { gateway } from './gateway/gateway.ts'
import type { Bench } from './harness/bench.ts'
import { measure } from './harness/bench.ts'
import { describeGoal, keepResult, verdictsOf } from './harness/report.ts'
import { hubStart, idleHub } from './hub/hub.ts'
import { outboxDrain } from './outbox-drain.ts'
import { outboxWrite } from './outbox-write.ts'
import { quizBurst } from './quiz-burst/bench.ts'
import { seats } from './seats.ts'
import { video } from './video/bench.ts'

// `npm run bench [-- NAME …]`: speed and memory as ratios against a peer in the same run, written to docs/benchmarks.md.
// A missed goal is a figure on that page, not a failure: the exit code only says whether everything could be measured.
const benches: readonly Bench[] = [
  ...[gateway, courseRead, courseWrite, bundle],
  ...[outboxWrite, outboxDrain],
  ...[certificates, seats, quizBurst, video],
  ...[hubStart, idleHub],
]

const names = process.argv.slice(2)
const unknown = names.filter((name) => !benches.some((bench) => bench.name === name))
if (unknown.length > 0) {
  const known = benches.map(({ name }) => name).join(', ')
  console.error(`There is no bench ${unknown.join(', ')}; there are: ${known}.`)
  process.exit(2)
}

let failed = 0
for (const bench of benches) {
  if (names.length > 0 && !names.includes(bench.name)) continue
  console.log(`\n${bench.name}: ${bench.title}`)
  try {
    const measured = await measure(bench, (contender, round, sample) => {
      const figures = Object.entries(sample).map(
        ([name, value]) => `${name} ${value.toPrecision(4)}`,
      )
      console.log(`  ${round === 0 ? 'cold' : `  ${round} `} ${contender}: ${figures.join(', ')}`)
    })
    await keepResult(bench, measured)
    for (const { goal, figure, isMet } of verdictsOf(bench.goals, measured))
      console.log(
        `  ${isMet ? 'met   ' : 'missed'} ${describeGoal(goal)}: ${figure.toPrecision(3)}`,
      )
  } catch (error) {
    failed += 1
    console.error(error)
  }
}
process.exit(failed === 0 ? 0 : 1)
