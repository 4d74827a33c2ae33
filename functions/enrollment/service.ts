import { courseContract } from '../../shared/contracts/course.ts'
import { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

export const enrollment = defineService({
  contract: enrollmentContract,
  routes,
  reactions,
  jobs,
  deps: ({ config }): Deps => ({
    course: clientOf(courseContract, { baseUrl: config.INTERNAL_URL }),
  }),
})
