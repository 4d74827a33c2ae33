import { type Api, openApi, Refused } from '../../local/demo/api.ts'
import { meet } from '../../local/demo/people.ts'
import { until } from '../../local/demo/until.ts'
import { awaitVideo, uploadFile } from '../../local/demo/video.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../local/hub/hub.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import { organizationContract } from '../../shared/contracts/organization.ts'
import { videoProcessingContract } from '../../shared/contracts/video-processing.ts'
import type { Running } from '../harness/bench.ts'
import { cpuSeconds, processTree } from '../harness/processes.ts'
import { dataFolder, startHubIn } from '../hub/process.ts'

/** A whole hub with its embedded parts, and somebody who uploads a film to it as a browser would. */
export const startHub = async (film: string): Promise<Running> => {
  const folder = await dataFolder()
  const { process: hub, url } = await startHubIn(folder.path)
  const api = await signInInstructor(url)
  const ignore = () => {}
  return {
    async round() {
      const before = cpuSeconds(processTree(hub.pid))
      const mediaId = await uploadFile(api, { file: film, kind: 'video' }, ignore)
      const startedAt = performance.now()
      await awaitVideo(api, mediaId, ignore)
      const seconds = (performance.now() - startedAt) / 1_000
      return { seconds, cpuSeconds: cpuSeconds(processTree(hub.pid)) - before }
    },
    async stop() {
      await hub.stop()
      await folder.remove()
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
