import { videoProcessingContract } from '../../shared/contracts/video-processing.ts'
import { defineService } from '../../shared/service/define.ts'
import { openStorage } from '../../shared/storage/open.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'
import { openExecutions } from './settings.ts'

export const videoProcessing = defineService({
  contract: videoProcessingContract,
  routes,
  reactions,
  jobs,
  deps: ({ environment }): Deps => ({
    storage: openStorage(environment),
    executions: openExecutions(environment),
  }),
})
