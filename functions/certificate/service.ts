import { certificateContract } from '../../shared/contracts/certificate.ts'
import { courseContract } from '../../shared/contracts/course.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { openStorage } from '../../shared/storage/open.ts'
import { openExecutions } from './commands/executions.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'
import { openSigning, readMachine } from './settings.ts'

export const certificate = defineService({
  contract: certificateContract,
  routes,
  reactions,
  jobs,
  deps: ({ config, environment }): Deps => ({
    ...openSigning(environment),
    storage: openStorage(environment),
    executions: openExecutions(readMachine(environment)),
    course: clientOf(courseContract, { baseUrl: config.INTERNAL_URL }),
  }),
})
