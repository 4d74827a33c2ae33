import { fixed } from '../bill/formula.ts'

/** AWS's own month of a bill: 365 days by 24 hours by 12 months. */
export const MONTH_HOURS = fixed('hours of a month', 730, 'hours', '365 × 24 ÷ 12')
export const MONTH_MINUTES = fixed('minutes of a month', 43_800, 'minutes', '730 × 60')
export const MONTH_SECONDS = fixed('seconds of a month', 2_628_000, 's', '730 × 3,600')
