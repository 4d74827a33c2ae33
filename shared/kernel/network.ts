import { isIPv6 } from 'node:net'

/** Whom an address is counted as: an IPv4 address, or the /64 that an IPv6 customer gets and can fill at will. */
export const networkOfAddress = (address: string): string => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped) return mapped
  return isIPv6(address) ? `${prefix64(address)}::/64` : address
}

const GROUPS_PER_ADDRESS = 8
const GROUPS_PER_PREFIX = 4

const prefix64 = (address: string): string => {
  const [head = '', tail = ''] = address.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(Math.max(0, GROUPS_PER_ADDRESS - left.length - right.length)).fill(
    '0',
  )
  return [...left, ...zeros, ...right]
    .slice(0, GROUPS_PER_PREFIX)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
