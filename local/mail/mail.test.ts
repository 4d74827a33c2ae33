import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Client } from '@sendgrid/client'
import sendgrid from '@sendgrid/mail'
import { type MailServer, startMail } from './mail.ts'

let dataDir: string
let server: MailServer

const open = async () => {
  server = await startMail({ dataDir, port: 0, apiKey: 'SG.local' })
  signIn('SG.local')
}

const signIn = (apiKey: string) => {
  const client = new Client()
  client.setApiKey(apiKey)
  client.setDefaultRequest('baseUrl', server.url)
  sendgrid.setClient(client)
}

const aMail = (changes: object = {}) => ({
  to: 'ada@example.org',
  from: 'hub@example.org',
  subject: 'Hello',
  text: 'plain',
  html: '<p>rich</p>',
  headers: { 'List-Unsubscribe': '<https://example.org/u>' },
  ...changes,
})

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hub-mail-'))
  await open()
})
afterAll(async () => {
  await server.close()
  await rm(dataDir, { recursive: true, force: true })
})

describe('the SendGrid stand-in', () => {
  it('takes a mail from the official client and shows it to its receiver', async () => {
    const [response] = await sendgrid.send(aMail())
    expect(response.statusCode).toBe(202)
    expect(server.list({ limit: 10, to: 'ada@example.org' })).toMatchObject([
      { subject: 'Hello', text: 'plain', headers: { 'List-Unsubscribe': expect.any(String) } },
    ])
    expect(server.list({ limit: 10, to: 'eve@example.org' })).toEqual([])
  })

  it('knows the trace of a mail whose sender names it', async () => {
    await sendgrid.send(aMail({ to: 'tom@example.org', customArgs: { traceId: 'a'.repeat(32) } }))
    expect(server.list({ limit: 1, to: 'tom@example.org' })).toMatchObject([
      { traceId: 'a'.repeat(32) },
    ])
  })

  it('keeps its mails over a restart', async () => {
    await server.close()
    await open()
    expect(server.list({ limit: 10 })).toHaveLength(2)
  })

  it('refuses another key with 401', async () => {
    signIn('SG.other')
    await expect(sendgrid.send(aMail())).rejects.toMatchObject({ code: 401 })
    signIn('SG.local')
  })

  it('refuses a mail without a receiver with 400', async () => {
    const answer = await fetch(`${server.url}/v3/mail/send`, {
      method: 'POST',
      headers: { authorization: 'Bearer SG.local' },
      body: JSON.stringify({ personalizations: [] }),
    })
    expect(answer.status).toBe(400)
  })
})
