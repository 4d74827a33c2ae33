import { Big } from 'big.js'

/** US dollars in millionths: integers, so that sums never drift. */
export type MicroUsd = bigint

const MICRO = 1_000_000

/** Rounded to the nearest micro-dollar, half away from nothing. */
export const microUsd = (usd: Big | string | number): MicroUsd =>
  BigInt(new Big(usd).times(MICRO).round(0, Big.roundHalfUp).toFixed())

export const sumUsd = (amounts: readonly MicroUsd[]): MicroUsd =>
  amounts.reduce((sum, amount) => sum + amount, 0n)

/** As a decimal string: `12.34`, or with the digits asked for. */
export const usdText = (amount: MicroUsd, digits = 2): string =>
  new Big(amount.toString()).div(MICRO).round(digits, Big.roundHalfUp).toFixed(digits)

/** For people: `$1,234.50`, `−$3.00`. */
export const usd = (amount: MicroUsd, digits = 2): string => {
  const text = usdText(amount < 0n ? -amount : amount, digits)
  const [integer = '0', decimals] = text.split('.')
  const grouped = integer.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  const sign = amount < 0n && Number(text) !== 0 ? '−' : ''
  return `${sign}$${grouped}${decimals === undefined ? '' : `.${decimals}`}`
}

/** A difference, for people: `+$3.00`, `−$3.00`. */
export const signedUsd = (amount: MicroUsd): string =>
  amount > 0n ? `+${usd(amount)}` : usd(amount)

/** For plots and ratios alone: a plain number of dollars. */
export const dollars = (amount: MicroUsd): number => Number(usdText(amount, 6))
