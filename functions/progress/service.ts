import { courseContract } from '../../shared/contracts/course.ts'
import { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import { progressContract } from '../../shared/contracts/progress.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

export const progress = defineService({
  contract: progressContract,
  routes,
  reactions,
  jobs,
  deps: ({ config }): Deps => ({
    course: clientOf(courseContract, { baseUrl: config.INTERNAL_URL }),
    enrollment: clientOf(enrollmentContract, { baseUrl: config.INTERNAL_URL }),
  }),
})
