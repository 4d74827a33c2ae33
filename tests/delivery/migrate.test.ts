import { describe, expect, it } from '@jest/globals'
import { runTool } from '../support/command.ts'
import { ROLE_PASSWORD, useDatabase } from '../support/database.ts'

const database = useDatabase()

describe('npm run migrate', () => {
  it('brings the database of DATABASE_URL up to date, its owner given apart', async () => {
    const url = new URL(database.url)
    const owner = JSON.stringify({ username: url.username, password: url.password })
    Object.assign(url, { username: '', password: '' })
    const { code, out, error } = await runTool('migrate', [], {
      DATABASE_URL: url.href,
      DATABASE_OWNER: owner,
      DATABASE_SERVICES: JSON.stringify({ services: ROLE_PASSWORD }),
    })
    expect(error).toBe('')
    expect(out).toMatch(/^\d\d schemas are at their newest version/)
    expect(code).toBe(0)
  })

  it.each([
    ['a proxy', 'postgres://hub.proxy-abc.us-east-1.rds.amazonaws.com/hub', /a proxy’s/],
    ['no database', 'postgres://localhost', /names no database/],
    ['no address', 'hub', /DATABASE_URL: Invalid URL/],
    ['a closed port', 'postgres://o:p@127.0.0.1:9/hub', /ECONNREFUSED/],
  ])('refuses %s in a sentence', async (_name, url, sentence) => {
    const given = { DATABASE_URL: url, DATABASE_OWNER: OWNER, DATABASE_SERVICES: SERVICES }
    const { code, error } = await runTool('migrate', [], given)
    expect(error).toMatch(sentence)
    expect(error.split('\n')).toHaveLength(1)
    expect(error).not.toContain('secret-word')
    expect(code).toBe(1)
  })

  it('names what is missing', async () => {
    const { code, error } = await runTool('migrate', [], { DATABASE_URL: 'postgres://h/hub' })
    expect(error).toContain('DATABASE_SERVICES')
    expect(code).toBe(1)
  })
})

const SERVICES = JSON.stringify({ services: 'secret-word' })
const OWNER = JSON.stringify({ username: 'o', password: 'secret-word' })
