import { join } from 'node:path'
import { type Played, playMainJob } from '../../local/demo/main-job.ts'
import type { Narrator } from '../../local/demo/narrator.ts'
import type { Person } from '../../local/demo/people.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../local/hub/hub.ts'
import { videoStreamingContract } from '../../shared/contracts/video-streaming.ts'
import { root } from './root.ts'

/** A hub on which the main job has been played: who is there, and what there is to ask for. */
export type Campus = Omit<Played, 'people' | 'links' | 'playlistUrl'> & {
  readonly url: string
  /** A master playlist of the instructor's own: a learner's ends when the same person begins to watch elsewhere. */
  readonly previewPath: string
  readonly admin: Person
  readonly instructor: Person
  readonly learner: Person
}

const VIDEO = join(root, 'local', 'sample', 'bigbuckbunny.mp4')

/** Plays the main job: an uploaded film, a published course, a learner with a certificate. */
export const openCampus = async (url: string, narrate: Narrator): Promise<Campus> => {
  const played = await playMainJob({ url, video: VIDEO, adminEmail: SAMPLE_ADMIN_EMAIL, narrate })
  const person = (role: string): Person => {
    const found = played.people.find((one) => one.role === role)
    if (!found) throw new Error(`The main job has no ${role}.`)
    return found
  }
  const instructor = person('instructor')
  const { playlistUrl } = await instructor.api.call(videoStreamingContract, 'startPreview', {
    body: { mediaId: played.mediaId },
  })
  return {
    ...{ ...played, url, instructor },
    previewPath: new URL(playlistUrl).pathname,
    admin: person('platform admin'),
    learner: person('learner'),
  }
}
