import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Bench, Running } from '../harness/bench.ts'
import { runFfmpeg, startCommand } from './command.ts'
import { startHub } from './hub.ts'

const SAMPLE = resolve('local/sample/bigbuckbunny.mp4')
const FILM_SECONDS = 30

let film: Promise<string> | undefined

/** The sample film again and again, as it is, until it is long enough to be measured. */
const makeFilm = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-bench-film-'))
  const loop = ['-y', '-stream_loop', '-1', '-i', SAMPLE, '-t', String(FILM_SECONDS)]
  await runFfmpeg([...loop, '-c', 'copy', 'film.mp4'], folder)
  return join(folder, 'film.mp4')
}

const withFilm = (start: (path: string) => Promise<Running>) => async () => {
  film ??= makeFilm()
  return start(await film)
}

const COMMAND = 'one ffmpeg command'

export const video: Bench = {
  name: 'video',
  title: 'From a complete upload to a video that can be watched, against one ffmpeg command.',
  rounds: 3,
  contenders: [
    { name: 'hub', start: withFilm(startHub) },
    { name: COMMAND, start: withFilm(startCommand) },
  ],
  goals: [{ metric: 'seconds', against: COMMAND, atMost: 1.05 }],
  notes: [
    `The sample film, looped to ${FILM_SECONDS} s. Ours begins when the upload is complete and ends when the API says that the video is live: events, the state machine, the probe, the ladder, poster, sprite and thumbnails, verification, playlists, publishing. The answer is asked for every 100 ms.`,
    'The peer is the same binary with the same arguments for the same renditions, in a folder where the film already lies: it makes no pictures, and stores, verifies and publishes nothing.',
    'Of what ours takes longer, half a second are the steps around the encoding (probe 0.1 s, sprite and poster 0.2 s, playlists, verification and publishing 0.15 s); the rest is inside it: frames are captured for the pictures, the source is fetched and every output is stored, synced to the disk.',
  ],
}
