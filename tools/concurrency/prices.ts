import { MONTH_SECONDS } from '../cost/design/month.ts'
import { readPrices } from '../cost/inputs/prices.ts'

/** Where the account's concurrency is planned for. */
const REGION = 'us-east-1'

/** What keeping environments warm costs in a month, in US dollars, whether they are used or not. */
export type WarmPrice = (environments: number, memoryMb: number) => number

/**
 * From the price table of `npm run cost`. Runs of a warm environment are cheaper in turn, which is left out: the figure is
 * an upper bound. Reserved concurrency costs nothing.
 */
export const readWarmPrice = async (): Promise<WarmPrice> => {
  const prices = await readPrices(REGION)
  const usdPerGb = prices.of('lambda.provisioned.arm64').value.times(MONTH_SECONDS.value).toNumber()
  return (environments, memoryMb) => environments * (memoryMb / 1_024) * usdPerGb
}
