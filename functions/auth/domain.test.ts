import { describe, expect, it } from '@jest/globals'
import { retiredKeys } from '../../shared/kernel/key-rotation.ts'
import { addMs, DAY_MS, type Instant, instantOf, SECOND_MS } from '../../shared/kernel/time.ts'
import { isOurPage, readRefreshCookie, refreshCookie } from './domain/browser.ts'
import { isGuessable } from './domain/password-policy.ts'
import { judge, REFRESH_GRACE_MS } from './domain/session.ts'
import { ACCESS_TOKEN_MS, JWKS_CACHE_SECONDS, KEY_ROTATION } from './domain/signing-key.ts'
import {
  type Bucket,
  countAttempt,
  NETWORK_BACKOFF,
  networkOf,
  SIGN_IN_BACKOFF,
  waitMs,
} from './domain/throttle.ts'

const now = instantOf('2026-03-01T10:00:00Z')

describe('isGuessable', () => {
  it.each([
    'password123',
    'PassWord123',
    'aaaaaaaaaaaa',
    'abababab',
    '12345678',
    '87654321',
    'qwertyuiop',
    'ada.lovelace@example.org',
    'Ada.Lovelace',
  ])('refuses %s', (password) => {
    expect(isGuessable(password, 'ada.lovelace@example.org')).toBe(true)
  })

  it.each(['correct horse battery', 'tr0ub4dor&3x', 'пароль-на-весну', 'ab12cd34ef'])(
    'lets %s pass: length counts, not kinds of characters',
    (password) => {
      expect(isGuessable(password, 'ada@example.org')).toBe(false)
    },
  )
})

describe('countAttempt', () => {
  const after = (attempts: number, backoff = SIGN_IN_BACKOFF) => {
    let bucket: Bucket | undefined
    for (let count = 0; count < attempts; count += 1) bucket = countAttempt(bucket, backoff, now)
    return bucket
  }

  it('lets a few attempts go free, then doubles the wait up to its limit', () => {
    expect(waitMs(after(4), now)).toBe(0)
    expect(waitMs(after(5), now)).toBe(SECOND_MS)
    expect(waitMs(after(6), now)).toBe(2 * SECOND_MS)
    expect(waitMs(after(200), now)).toBe(SIGN_IN_BACKOFF.waitMsMax)
  })

  it('never makes a crowd behind one network wait long', () => {
    expect(waitMs(after(5_000, NETWORK_BACKOFF), now)).toBe(30 * SECOND_MS)
  })

  it('forgets after a quiet time', () => {
    const later = addMs(now, DAY_MS)
    expect(countAttempt(after(50), SIGN_IN_BACKOFF, later)).toMatchObject({ attempts: 1 })
  })
})

describe('networkOf', () => {
  it.each([
    ['203.0.113.7, 10.0.0.9', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7, 10.0.0.9', '203.0.113.7'],
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7, 10.0.0.9', '203.0.113.7'],
    ['2001:db8:1:2:aaaa::1, 10.0.0.9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::ffff, 10.0.0.9', '2001:db8:1:2::/64'],
    ['2001:db8::1, 10.0.0.9', '2001:db8:0:0::/64'],
    [null, ''],
  ])('reads %s as %s', (forwardedFor, network) => {
    expect(networkOf(forwardedFor)).toBe(network)
  })
})

describe('judge', () => {
  const expiresAt = addMs(now, DAY_MS)
  const usedAt = (at: Instant) => ({ expiresAt, used: { at, successorSealed: 'sealed' } })

  it('gives the successor again within the grace and takes the token for stolen after it', () => {
    expect(judge(usedAt(addMs(now, 1 - REFRESH_GRACE_MS)), now).kind).toBe('follow')
    expect(judge(usedAt(addMs(now, -REFRESH_GRACE_MS)), now).kind).toBe('reused')
  })

  it('rotates an unused token until it expires', () => {
    expect(judge({ expiresAt, used: null }, now).kind).toBe('rotate')
    expect(judge({ expiresAt, used: null }, expiresAt).kind).toBe('expired')
  })
})

describe('signing keys', () => {
  it('are published before they sign for longer than anybody caches the set', () => {
    expect(KEY_ROTATION.leadMs).toBeGreaterThan(JWKS_CACHE_SECONDS * SECOND_MS)
  })

  it('stay published while a token of theirs may live', () => {
    const old = { activeFrom: addMs(now, -KEY_ROTATION.lifeMs) }
    const current = { activeFrom: now }
    expect(retiredKeys([old, current], KEY_ROTATION, addMs(now, ACCESS_TOKEN_MS))).toEqual([])
    expect(retiredKeys([old, current], KEY_ROTATION, addMs(now, DAY_MS))).toEqual([old])
  })
})

describe('the refresh cookie', () => {
  it('is out of reach for scripts, other hosts and other sites', () => {
    expect(refreshCookie('abc')).toBe(
      '__Host-hub_refresh=abc; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=604800',
    )
  })

  it('is found among others', () => {
    expect(readRefreshCookie('a=1; __Host-hub_refresh=abc; b=2')).toBe('abc')
    expect(readRefreshCookie('x__Host-hub_refresh=abc')).toBeUndefined()
    expect(readRefreshCookie(null)).toBeUndefined()
  })

  it.each([
    [{ origin: 'https://hub.test', 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ origin: 'https://hub.test' }, true],
    [{ origin: 'https://evil.test' }, false],
    [{ origin: 'https://evil.test', 'sec-fetch-site': 'same-origin' }, false],
    [{ origin: 'https://hub.test', 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'cross-site' }, false],
    [{ origin: 'null' }, false],
    [{}, false],
  ])('with %j is honoured: %s', (headers, honoured) => {
    expect(isOurPage(new Headers(headers), 'https://hub.test')).toBe(honoured)
  })
})
