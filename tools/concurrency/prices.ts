/**
 * The only prices that this tool knows: us-east-1, USD, arm64, AWS Lambda's price list as read in August 2026. Reserved
 * concurrency costs nothing.
 */
export const PROVISIONED_USD_PER_GB_SECOND = 0.000_003_333_3

export const SECONDS_PER_MONTH = 730 * 3_600

/**
 * What keeping environments warm costs in a month, whether they are used or not. Their runs are cheaper in turn
 * (0.0000077778 instead of 0.0000133334 per GB-s), which is left out: the figure is an upper bound.
 */
export const provisionedUsdPerMonth = (environments: number, memoryMb: number): number =>
  environments * (memoryMb / 1_024) * PROVISIONED_USD_PER_GB_SECOND * SECONDS_PER_MONTH
