import { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import { mediaContract } from '../../shared/contracts/media.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { openStorage } from '../../shared/storage/open.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

export const media = defineService({
  contract: mediaContract,
  routes,
  reactions,
  jobs,
  deps: ({ config, environment }): Deps => ({
    storage: openStorage(environment),
    enrollment: clientOf(enrollmentContract, { baseUrl: config.INTERNAL_URL }),
  }),
})
