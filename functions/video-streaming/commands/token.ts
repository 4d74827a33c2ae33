import { jwtVerify, SignJWT } from 'jose'
import { JWTExpired } from 'jose/errors'
import type { Id } from '../../../shared/kernel/id.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import type { Grant } from '../domain/grant.ts'
import { playbackOver, tokenInvalid } from '../errors.ts'

const AUDIENCE = 'hub-playback'

/** What a token says; the grant's row has the last word. */
export type PlaybackClaims = {
  readonly playbackId: Id<'playback'>
  readonly mediaId: string
  readonly version: number
  readonly prefix: string
}

export type PlaybackTokens = {
  sign(grant: Grant): Promise<string>
  /** @throws `playback.token_invalid`, `playback.over`. */
  read(token: string, now: Instant): Promise<PlaybackClaims>
}

/** Signs and reads the proof that stands in a player's URLs (JWT, HS256). @param key 32 bytes. */
export const playbackTokens = (key: Uint8Array): PlaybackTokens => ({
  sign: ({ playbackId, mediaId, rendition, expiresAt }) =>
    new SignJWT({ med: mediaId, ver: rendition.version, pfx: rendition.prefix })
      .setProtectedHeader({ alg: 'HS256' })
      .setAudience(AUDIENCE)
      .setJti(playbackId)
      .setExpirationTime(Math.floor(expiresAt / 1_000))
      .sign(key),

  async read(token, now) {
    try {
      const { payload } = await jwtVerify<{ med: string; ver: number; pfx: string }>(token, key, {
        audience: AUDIENCE,
        algorithms: ['HS256'],
        currentDate: new Date(now),
        requiredClaims: ['exp', 'jti', 'med', 'ver', 'pfx'],
      })
      // Our own signature vouches for the shape.
      const playbackId = payload.jti as Id<'playback'>
      return { playbackId, mediaId: payload.med, version: payload.ver, prefix: payload.pfx }
    } catch (cause) {
      throw cause instanceof JWTExpired ? playbackOver('expired') : tokenInvalid(cause)
    }
  },
})
