import { describe, expect, it } from '@jest/globals'
import { CommandError, runCommand } from './command.ts'

const node = (script: string, options: Parameters<typeof runCommand>[2] = {}) =>
  runCommand(process.execPath, ['--eval', script], options)

describe('a command', () => {
  it('gives its exit code and what it said, each stream apart', async () => {
    const script = `process.stdin.on('data', (input) => {
      process.stdout.write('out ' + input)
      process.stderr.write('error ' + process.env.WORD)
      process.exitCode = 3
    })`
    const ended = await node(script, { input: 'in', environment: { WORD: 'word' } })
    expect(ended).toMatchObject({ code: 3, out: 'out in', error: 'error word' })
  })

  it('is ended where it takes too long, and what it said is told', async () => {
    const script = `console.log('waiting for nobody'); setInterval(() => {}, 1000)`
    const late = node(script, { timeoutMs: 1_000 })
    await expect(late).rejects.toThrow(CommandError)
    await expect(late).rejects.toThrow(/was not over after 1 s\nwaiting for nobody$/)
  })

  it('is over when it exits, though a daemon of its own holds its output open', async () => {
    const script = `const { spawn } = require('node:child_process')
      const daemon = spawn('sleep', ['60'], { detached: true, stdio: 'inherit' })
      daemon.unref()
      console.log(daemon.pid)`
    const { code, out } = await node(script, { timeoutMs: 20_000 })
    process.kill(Number(out))
    expect(code).toBe(0)
  })

  it('that does not exist says so', async () => {
    await expect(runCommand('no-such-program', [])).rejects.toThrow(/could not be started/)
  })
})
