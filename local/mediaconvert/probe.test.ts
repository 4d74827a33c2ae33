import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { probe } from './probe.ts'
import { ffprobePath } from './tool-paths.ts'

// Each bait is shown to be taken by ffprobe alone, so that a refusal by `probe` proves something.

const SAMPLE = join(import.meta.dirname, '../sample/bigbuckbunny.mp4')
const never = new AbortController().signal
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'probe-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('probe', () => {
  it('tells what the sample clip is', async () => {
    expect(await probe(ffprobePath(), SAMPLE, 'AUTO', never)).toEqual({
      durationSeconds: 5.28,
      video: {
        index: 0,
        width: 1_280,
        height: 720,
        rotationDegrees: 0,
        rate: { numerator: 25, denominator: 1 },
      },
      audioIndexes: [1],
    })
  })

  it.each<[string, string, string, string[]]>([
    [
      'an HLS playlist',
      'bait.m3u8',
      `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${SAMPLE}\n#EXT-X-ENDLIST\n`,
      [],
    ],
    ['a concat script', 'bait.txt', `ffconcat version 1.0\nfile '${SAMPLE}'\n`, ['-safe', '0']],
  ])('does not follow %s to another file', async (_, name, bait, looseArgs) => {
    const path = join(folder, name)
    await writeFile(path, bait)
    const args = ['-v', 'error', ...looseArgs, '-show_entries', 'stream=codec_name', path]
    const options = { env: { GCONV_PATH: '/nonexistent' } }
    const followed = await promisify(execFile)(ffprobePath(), args, options)
    expect(followed.stdout).toContain('codec_name=h264')
    await expect(probe(ffprobePath(), path, 'AUTO', never)).rejects.toMatchObject({
      name: 'JobError',
      code: 1010,
      message: 'The input is not a video file that can be read.',
    })
  })
})
