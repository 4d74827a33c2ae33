import * as z from 'zod'
import { loadConfig } from '../../shared/config/load.ts'
import { secretKeyVariable } from '../../shared/config/secret-key.ts'
import { contentContract } from '../../shared/contracts/content.ts'
import { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import { videoStreamingContract } from '../../shared/contracts/video-streaming.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { openStorage } from '../../shared/storage/open.ts'
import { playbackTokens } from './commands/token.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

const configSchema = z.object({
  /** Signs the tokens in players' URLs. Changing it ends every running playback. */
  PLAYBACK_KEY: secretKeyVariable,
})

export const videoStreaming = defineService({
  contract: videoStreamingContract,
  routes,
  reactions,
  deps: ({ config, environment }): Deps => ({
    storage: openStorage(environment),
    tokens: playbackTokens(loadConfig(configSchema, environment).PLAYBACK_KEY),
    content: clientOf(contentContract, { baseUrl: config.INTERNAL_URL }),
    enrollment: clientOf(enrollmentContract, { baseUrl: config.INTERNAL_URL }),
    publicUrl: config.PUBLIC_URL,
  }),
})
