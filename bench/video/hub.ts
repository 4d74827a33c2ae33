import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Api, openApi, Refused } from '../../local/demo/api.ts'
import { meet } from '../../local/demo/people.ts'
import { until } from '../../local/demo/until.ts'
import { awaitVideo, uploadVideo } from '../../local/demo/video.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../local/hub/hub.ts'
import { freePort } from '../../local/postgres/postgres.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import { organizationContract } from '../../shared/contracts/organization.ts'
import { videoProcessingContract } from '../../shared/contracts/video-processing.ts'
import { startEngine } from '../../tests/support/engines/process.ts'
import type { Running } from '../harness/bench.ts'
import { cpuSeconds, processTree } from '../harness/processes.ts'

const START_TIMEOUT_MS = 5 * 60_000

/** A whole hub with its embedded parts, and somebody who uploads a film to it as a browser would. */
export const startHub = async (film: string): Promise<Running> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'hub-bench-'))
  const port = await freePort()
  const url = `http://localhost:${port}`
  const hub = await startEngine({
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', 'local/main.ts'],
    environment: { PORT: String(port), HUB_DATA: dataDir, HUB_SAMPLE: 'off' },
    ready: async () => {
      const { status } = await fetch(`${url}/health`)
      if (status !== 200) throw new Error(`it answers ${status}`)
    },
    readyTimeoutMs: START_TIMEOUT_MS,
  })
  const api = await signInInstructor(url)
  const ignore = () => {}
  return {
    async round() {
      const before = cpuSeconds(processTree(hub.pid))
      const mediaId = await uploadVideo(api, film, ignore)
      const startedAt = performance.now()
      await awaitVideo(api, mediaId, ignore)
      const seconds = (performance.now() - startedAt) / 1_000
      return { seconds, cpuSeconds: cpuSeconds(processTree(hub.pid)) - before }
    },
    async stop() {
      await hub.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

const signInInstructor = async (url: string): Promise<Api> => {
  const api = openApi(url)
  const admin = await meet({ api, url }, { name: 'Ada Admin', email: SAMPLE_ADMIN_EMAIL })
  const instructor = await meet(
    { api, url },
    { name: 'Irene Instructor', email: 'irene@hub.localhost' },
  )
  const { accountId } = instructor
  const params = { organizationId: ACADEMY_ORGANIZATION_ID, accountId }
  await until('the admin to be known as one', () =>
    admin.api
      .call(organizationContract, 'changeMemberRole', { params, body: { role: 'instructor' } })
      .catch(whileRefused),
  )
  await until('her new role to count', () =>
    instructor.api.call(videoProcessingContract, 'listVideos').catch(whileRefused),
  )
  return instructor.api
}

/** Roles travel by events: until they have arrived, one is refused. */
const whileRefused = (error: unknown): undefined => {
  if (!(error instanceof Refused) || ![403, 404].includes(error.status)) throw error
}
