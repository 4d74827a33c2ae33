import { spawn, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openApi } from '../../local/demo/api.ts'
import { meet } from '../../local/demo/people.ts'
import { awaitVideo, uploadFile } from '../../local/demo/video.ts'
import { freePort } from '../../local/free-port.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../local/hub/hub.ts'
import { courseContract } from '../../shared/contracts/course.ts'
import { videoProcessingContract } from '../../shared/contracts/video-processing.ts'
import { eventually } from '../support/eventually.ts'
import { attemptStart, type RunningHub, root, startHub } from './hub.ts'

// What a person at the terminal meets: Ctrl-C, kill -9, two hubs, and starts that cannot succeed.

const SAMPLE_VIDEO = join(root, 'local', 'sample', 'bigbuckbunny.mp4')

let folder: string
const started: RunningHub[] = []

const start = async (name: string): Promise<RunningHub> => {
  const hub = await startHub(join(folder, name))
  started.push(hub)
  return hub
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-restart-'))
})
afterAll(async () => {
  await Promise.all(
    started.filter(({ child }) => child.exitCode === null).map((hub) => hub.interrupt()),
  )
  await rm(folder, { recursive: true, force: true })
}, 30_000)

/** Ends a hub as a power cut would: no process of it gets to say a word. */
const cutPower = async (hub: RunningHub) => {
  const pidFile = join(hub.dataDir, 'postgres', 'cluster', 'postmaster.pid')
  const postmaster = Number((await readFile(pidFile, 'utf8')).split('\n')[0])
  hub.child.kill('SIGKILL')
  process.kill(postmaster, 'SIGKILL')
  await eventually(() => {
    expect(hub.child.signalCode).toBe('SIGKILL')
  })
}

const signIn = (hub: RunningHub) =>
  meet({ api: openApi(hub.url), url: hub.url }, { name: 'Ada', email: SAMPLE_ADMIN_EMAIL })

const processesOf = (dataDir: string): string =>
  spawnSync('pgrep', ['-f', dataDir], { encoding: 'utf8' }).stdout.trim()

describe('a hub', () => {
  it('has every acknowledged write after kill -9, and goes on with what was unfinished', async () => {
    const before = await start('killed')
    const admin = await signIn(before)
    const { courseId } = await eventually(
      () => admin.api.call(courseContract, 'createCourse', { body: { title: 'Survivor' } }),
      { timeoutMs: 20_000 },
    )
    const mediaId = await uploadFile(admin.api, { file: SAMPLE_VIDEO, kind: 'video' }, () => {})
    await eventually(
      async () => {
        const { items } = await admin.api.call(videoProcessingContract, 'listVideos', {
          query: { mediaId },
        })
        expect(items[0]?.processing.state).toBe('processing')
      },
      { timeoutMs: 20_000 },
    )
    await cutPower(before)

    const after = await start('killed')
    const again = await signIn(after)
    const course = await again.api.call(courseContract, 'getCourse', { params: { courseId } })
    expect(course.title).toBe('Survivor')
    expect(await awaitVideo(again.api, mediaId, () => {})).toBeGreaterThan(5_000)
    const { code, ms } = await after.interrupt()
    expect({ code, isQuick: ms < 5_000 }).toEqual({ code: 0, isQuick: true })
    await eventually(() => expect(processesOf(after.dataDir)).toBe(''))
  }, 180_000)

  it('runs beside another one', async () => {
    const [one, other] = await Promise.all([start('one'), start('other')])
    expect(one.url).not.toBe(other.url)
    for (const { url } of [one, other]) expect((await fetch(`${url}/_hub`)).status).toBe(200)
  }, 120_000)
})

describe('npm start', () => {
  it('leaves no process behind when Ctrl-C comes while it is starting', async () => {
    const dataDir = join(folder, 'interrupted')
    const child = spawn(process.execPath, [join(root, 'local', 'main.ts')], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', PORT: String(await freePort()), HUB_DATA: dataDir },
      stdio: 'ignore',
    })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    await eventually(() => expect(processesOf(join(dataDir, 'postgres'))).not.toBe(''), {
      timeoutMs: 60_000,
    })
    child.kill('SIGINT')
    await exited
    await eventually(() => expect(processesOf(dataDir)).toBe(''))
  }, 120_000)

  const attempt = (environment: Readonly<Record<string, string>>) =>
    attemptStart({ HUB_DATA: join(folder, 'never'), ...environment })

  it('says in one sentence that the port is in use', async () => {
    const server = createServer().listen(0)
    const address = server.address()
    const port = typeof address === 'object' && address ? String(address.port) : ''
    const { status, lines } = await attempt({ PORT: port })
    server.close()
    expect({ status, lines }).toEqual({
      status: 1,
      lines: [`Port ${port} is in use; set PORT to another.`],
    })
  }, 60_000)

  it('says in one sentence that the data folder is a file', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const { status, lines } = await attempt({ HUB_DATA: file })
    expect({ status, lines }).toEqual({
      status: 1,
      lines: [`The data folder ${file} cannot be used: it is a file.`],
    })
  }, 60_000)

  it('says in one sentence that the data folder is broken', async () => {
    const broken = join(folder, 'broken')
    await mkdir(join(broken, 'postgres', 'cluster'), { recursive: true })
    await writeFile(join(broken, 'postgres', 'cluster', 'PG_VERSION'), '15\n')
    await writeFile(join(broken, 'postgres', 'password'), 'x')
    await chmod(join(broken, 'postgres', 'cluster'), 0o700)
    const { status, lines } = await attempt({ HUB_DATA: broken })
    expect(status).toBe(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^The database did not start: /)
  }, 60_000)

  it('says what is wrong with a variable', async () => {
    const { status, lines } = await attempt({ PORT: 'eighty' })
    expect(status).toBe(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^The environment is not right: PORT /)
  }, 60_000)

  it.each([
    [
      { DATABASE_URL: 'postgres://hub:x@127.0.0.1:1/hub' },
      'PostgreSQL at 127.0.0.1:1 cannot be used',
    ],
    [{ KAFKA_BROKERS: '127.0.0.1:1' }, 'Kafka at 127.0.0.1:1 cannot be used'],
    [{ REDIS_URL: 'redis://:x@127.0.0.1:1' }, 'Redis at 127.0.0.1:1 cannot be used'],
    [
      {
        AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
        AWS_ACCESS_KEY_ID: 'a',
        AWS_SECRET_ACCESS_KEY: 'b',
      },
      'The S3 at http://127.0.0.1:1 cannot be used',
    ],
    [
      { KAFKA_BROKERS: 'localhost' },
      'The environment is not right: KAFKA_BROKERS must be host:port',
    ],
    [
      { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1', AWS_SECRET_ACCESS_KEY: '' },
      'AWS_ENDPOINT_URL_S3 needs',
    ],
  ])(
    'says in one sentence that an engine is away or misnamed: %j',
    async (engine, sentence) => {
      const { status, lines } = await attempt(engine)
      expect({ status, lines }).toEqual({ status: 1, lines: [expect.stringContaining(sentence)] })
    },
    60_000,
  )
})
