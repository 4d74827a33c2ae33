import { describe, expect, it } from '@jest/globals'
import { createRedact, HIDDEN } from './redact.ts'

const TOKEN = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhY2MifQ.c2lnbmF0dXJl'

describe('redact', () => {
  const redact = createRedact(['b2theV9zZWNyZXQ='])

  it.each([
    `{"headers":{"authorization":"Bearer ${TOKEN}"}}`,
    `{"Authorization":"Basic dXNlcjpwYXNz"}`,
    `authorization: AWS4-HMAC-SHA256 Credential=AKIA1/20260101, Signature=c2lnbmF0dXJl`,
    `{"x-hub-token":"${TOKEN}"}`,
    `calling with ${TOKEN} now`,
    '{"password":"dXNlcjpwYXNz"}',
    String.raw`{"body":"{\"password\":\"dXNlcjpwYXNz\"}"}`,
    '{"apiKey":"dXNlcjpwYXNz"}',
    '{"sealedToken":"dXNlcjpwYXNz","a":1}',
    'cookie: session=dXNlcjpwYXNz',
    'key is b2theV9zZWNyZXQ=',
  ])('hides what lets a reader in: %s', (text) => {
    const shown = redact(text)
    expect(shown).toContain(HIDDEN)
    expect(shown).not.toMatch(/dXNlcjpwYXNz|c2lnbmF0dXJl|b2theV9z|eyJ/)
  })

  it.each([
    '{"message":"request","path":"/v1/auth/password-reset","status":202}',
    '{"type":"member.added","event":"evt_1","trace":"6b07b56fec674dd4bf58fb2a044616cf"}',
    '{"ClientRequestToken":"vid_1-1","tokenizer":"words"}',
    'no secrets here: a cookie jar, a token of thanks',
  ])('leaves the rest as it is: %s', (text) => expect(redact(text)).toBe(text))

  it('keeps JSON readable as JSON', () => {
    const shown = redact(JSON.stringify({ a: 1, password: 'say "please"', token: TOKEN, b: 2 }))
    expect(JSON.parse(shown)).toMatchObject({ a: 1, b: 2, token: HIDDEN })
  })
})
