import { microUsd, signedUsd, usd } from '../bill/money.ts'
import type { Report, ScenarioReport } from '../report.ts'

// What both the terminal and the page say of a report, beside its tables.

const TARGET_USD = 3_500
const BASELINE_SERVICES = 37

/** The baseline is production's: beside the sizes of another stage it says nothing. */
export const isCompared = ({ stage }: Report): boolean => stage === 'prod'

/** What the two bills hold, so that nobody compares more than is there. */
export const scopeSentence = (report: Report, { name }: ScenarioReport): string => {
  if (!isCompared(report))
    return `The EKS baseline is production's: beside the sizes of ${report.stage} its amounts say nothing.`
  const { services, here } = report.breakEven
  return [
    `The EKS baseline carries all ${BASELINE_SERVICES} services, the serverless bill the ${services} that are built, and the gateway: part of the difference is that.`,
    `For these ${services} alone, in ${name} without bursts, functions are ${usd(here.functions)} and nodes ${usd(here.nodes)}.`,
    "The baseline's nodes are as many as the busiest second needs, all month; nodes that shrink again would cost less.",
  ].join(' ')
}

/** The baseline at list prices, under the load of the report's first scenario. */
export const listSentence = (report: Report, { name, serverless }: ScenarioReport): string => {
  const { baselineAtListHere: atList } = report
  return `The baseline prices some engines below list price and has no line for NAT gateways, firewalls and keys. At list prices, and with those, it would be ${usd(atList)} in ${name}: serverless less that is ${signedUsd(serverless - atList)} (npm run cost -- --baseline).`
}

/** Whether the bill is below the target, or which switches bring it there. */
export const targetSentence = ({ savings }: Report, { serverless }: ScenarioReport): string => {
  const limit = microUsd(TARGET_USD)
  const below = `below ${usd(limit, 0)}`
  const on = savings.filter(({ isOn }) => isOn).map(({ name }) => name)
  const standing = on.length > 0 ? `with ${on.join(', ')}` : 'without any of them'
  if (serverless < limit) return `The bill is ${below} ${standing}.`
  const target = savings.find(({ together }) => together < limit)
  if (!target) return `The bill is not ${below}, even with all of them.`
  const upTo = savings.slice(0, savings.indexOf(target) + 1).map(({ name }) => name)
  return `The bill is ${below} with ${[...new Set([...upTo, ...on])].join(', ')}.`
}

/** Where nodes become cheaper, and what that hangs on. */
export const breakEvenSentence = ({ breakEven }: Report): string => {
  const { at, atHalfCpu, atTwiceCpu, podCpuMs, points, services } = breakEven
  const most = millions(points.at(-1)?.requests ?? 0)
  const from = (requests: number | undefined) =>
    requests === undefined ? `not up to ${most}` : `from about ${millions(requests)}`
  return [
    at === undefined
      ? `Functions stay cheaper than nodes for the same ${services} services up to ${most} requests a month,`
      : `Nodes for the same ${services} services are cheaper than functions from about ${millions(at)} requests a month,`,
    `if a call takes ${podCpuMs} ms of a node's processor, which nobody has measured:`,
    `with half of that ${from(atHalfCpu)}, with twice of it ${from(atTwiceCpu)}.`,
  ].join(' ')
}

const millions = (requests: number): string => `${Math.round(requests / 1e6)} million`

/** The prices to check before money depends on them. */
export const recalledSentence = ({ recalled }: Report): string =>
  recalled.length === 0
    ? 'No price is recalled.'
    : `Recalled and unchecked, in the bill or in what makes it smaller: ${recalled.join('; ')}.`

/** What it would be after optimising, by its own word. */
export const optimisedSentence = ({ optimisedStated: { low, high } }: Report): string =>
  `It promises ${whole(low)} to ${whole(high)} after optimising, and does not say how. These steps stay within that:`

const whole = (amount: number): string => usd(microUsd(amount), 0)
