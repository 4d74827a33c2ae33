import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { runTool } from '../../../local/mediaconvert/tool.ts'
import { ffmpegPath, ffprobePath } from '../../../local/mediaconvert/tool-paths.ts'
import { ffprobe, ProbeFailed } from '../../../workflows/video-processing/ffprobe.ts'
import {
  canBoundMemory,
  canCutNetwork,
  confined,
  INPUT_LIMITS,
  TOOL_BYTES_MAX,
  TOOL_ENVIRONMENT,
} from '../../../workflows/video-processing/media-tools.ts'
import { root } from '../../flow/hub.ts'
import { luresTo } from './lures.ts'
import { startTrap, type Trap } from './trap.ts'

// ffmpeg and ffprobe over hostile files. Each wall has a twin that shows the same input getting through without it.

const SAMPLE = join(root, 'local', 'sample', 'bigbuckbunny.mp4')
const GIBIBYTE = 1_024 ** 3
const execute = promisify(execFile)

let folder: string
let trap: Trap

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-lures-'))
  trap = await startTrap(await readFile(SAMPLE))
})
afterAll(async () => {
  await trap.close()
  await rm(folder, { recursive: true, force: true })
})

const write = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

/** Runs a tool as it is, without any wall of ours. @returns whether it was content. */
const runBare = (path: string, args: readonly string[]): Promise<boolean> =>
  execute(path, args, { env: TOOL_ENVIRONMENT, timeout: 60_000 }).then(
    () => true,
    () => false,
  )

const run = (path: string, args: readonly string[], memoryBytesMax: number) =>
  runTool({
    ...{ path, args, memoryBytesMax },
    silenceMsMax: 60_000,
    signal: new AbortController().signal,
  })

describe('a file that leads to another host', () => {
  it.each(luresTo('http://127.0.0.1:1/').map(({ title }) => ({ title })))(
    'is refused by ffprobe and fetches nothing: $title',
    async ({ title }) => {
      const lure = luresTo(`${trap.url}/film.ts`).find((one) => one.title === title)
      const path = await write(lure?.name ?? '', lure?.text ?? '')
      const before = trap.visits()
      await expect(ffprobe(ffprobePath())(path, ['-show_streams'])).rejects.toThrow(ProbeFailed)
      expect(trap.visits()).toBe(before)
    },
  )

  it.each(luresTo('http://127.0.0.1:1/').map(({ title }) => ({ title })))(
    'is refused by ffmpeg and fetches nothing: $title',
    async ({ title }) => {
      const lure = luresTo(`${trap.url}/film.ts`).find((one) => one.title === title)
      const path = await write(lure?.name ?? '', lure?.text ?? '')
      const before = trap.visits()
      const args = [...INPUT_LIMITS, '-i', `file:${path}`, '-f', 'null', '-']
      expect((await run(ffmpegPath(), args, TOOL_BYTES_MAX.ffmpeg)).code).not.toBe(0)
      expect(trap.visits()).toBe(before)
    },
  )

  it('would be followed without the limits: the trap works', async () => {
    const [playlist] = luresTo(`${trap.url}/film.ts`)
    const path = await write('bare.m3u8', playlist?.text ?? '')
    const before = trap.visits()
    await runBare(ffprobePath(), ['-v', 'error', '-protocol_whitelist', 'file,http,tcp', path])
    expect(trap.visits()).toBeGreaterThan(before)
  })
})

describe('a file that leads to a file of the machine', () => {
  it.each(luresTo(SAMPLE).map(({ title, name, text }) => ({ title, name, text })))(
    'is refused: $title',
    async ({ name, text }) => {
      const path = await write(name, text)
      await expect(ffprobe(ffprobePath())(path, ['-show_streams'])).rejects.toThrow(ProbeFailed)
    },
  )

  it('would be opened without the limits: the lure works', async () => {
    const list = luresTo(SAMPLE).find(({ name }) => name === 'film.mkv')
    const path = await write('bare.ffconcat', list?.text ?? '')
    const bare = ['-v', 'error', '-safe', '0', '-f', 'concat', path]
    expect(await runBare(ffprobePath(), bare)).toBe(true)
  })
})

const whereCut = canCutNetwork() ? it : it.skip
const whereBounded = canBoundMemory() ? it : it.skip

describe('a tool that wants the network all the same', () => {
  const wanting = () => ['-v', 'error', `${trap.url}/film.mp4`]

  whereCut('has none', async () => {
    const before = trap.visits()
    expect((await run(ffprobePath(), wanting(), GIBIBYTE)).code).not.toBe(0)
    expect(trap.visits()).toBe(before)
  })

  it('would have it without the wall', async () => {
    const before = trap.visits()
    expect(await runBare(ffprobePath(), wanting())).toBe(true)
    expect(trap.visits()).toBeGreaterThan(before)
  })
})

describe('a decompression bomb', () => {
  const picture = (side: number) => [
    ...['-v', 'error', '-f', 'lavfi', '-i', `color=s=${side}x${side}:d=0.04`, '-f', 'null', '-'],
  ]
  /** Pictures of 200 MB each out of nothing. */
  const bomb = picture(12_000)
  const little = GIBIBYTE / 8

  whereBounded('gets no more memory than a tool may have', async () => {
    expect((await run(ffmpegPath(), picture(320), little)).complaint).toBe('')
    expect((await run(ffmpegPath(), bomb, little)).complaint).toMatch(/allocate memory/)
  })

  it('would get it without the wall', async () => {
    expect(await runBare(ffmpegPath(), bomb)).toBe(true)
  })

  it('whose pictures are larger than any that is taken is not decoded', async () => {
    // A page of white, 8,400 pixels a side: 200 MB out of some kilobytes.
    const path = join(folder, 'bomb.mkv')
    const white = ['-f', 'lavfi', '-i', 'color=white:s=8400x8400:d=0.04', '-c:v', 'png']
    await execute(ffmpegPath(), ['-v', 'error', '-y', ...white, path], { env: TOOL_ENVIRONMENT })
    const args = ['-v', 'error', '-i', path, '-f', 'null', '-']
    expect(await runBare(ffmpegPath(), args)).toBe(true)
    const limited = ['-v', 'error', ...INPUT_LIMITS, '-i', `file:${path}`, '-f', 'null', '-']
    const { complaint } = await run(ffmpegPath(), limited, TOOL_BYTES_MAX.ffmpeg)
    expect(complaint).toMatch(/picture size|invalid/i)
  })
})

describe('a tool that does not end', () => {
  const sleeper = () => write('sleeper.sh', '#!/bin/sh\nexec sleep 600\n')

  it('is killed by the workflow, which takes it for our fault and not the file’s', async () => {
    const path = await sleeper()
    await execute('chmod', ['+x', path])
    const probing = ffprobe(path, { timeoutMs: 200 })('whatever', [])
    await expect(probing).rejects.toMatchObject({ killed: true })
    await expect(probing).rejects.not.toBeInstanceOf(ProbeFailed)
  })

  it('is killed by the encoder once it has said nothing for too long', async () => {
    const path = await sleeper()
    await execute('chmod', ['+x', path])
    const { wasSilent, code } = await runTool({
      ...{ path, args: [], memoryBytesMax: GIBIBYTE, silenceMsMax: 200 },
      signal: new AbortController().signal,
    })
    expect({ wasSilent, ended: code !== 0 }).toEqual({ wasSilent: true, ended: true })
  })
})

describe('a proper film', () => {
  it('is probed behind all walls', async () => {
    const answer = await ffprobe(ffprobePath())(SAMPLE, ['-show_streams', '-of', 'json'])
    expect(JSON.parse(answer).streams.length).toBeGreaterThan(0)
  })

  it('is not blamed for a tool that is not there', async () => {
    const missing = ffprobe(join(folder, 'no-such-program'))(SAMPLE, [])
    await expect(missing).rejects.not.toBeInstanceOf(ProbeFailed)
  })
})

describe('a confined command', () => {
  it('is the tool itself where nothing can be done, and ends with it', () => {
    const { program, args } = confined({ program: 'tool', args: ['a'] }, GIBIBYTE)
    expect([program, ...args].slice(-2)).toEqual(['tool', 'a'])
  })
})
