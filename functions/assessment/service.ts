import { assessmentContract } from '../../shared/contracts/assessment.ts'
import { courseContract } from '../../shared/contracts/course.ts'
import { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

export const assessment = defineService({
  contract: assessmentContract,
  routes,
  reactions,
  jobs,
  deps: ({ config }): Deps => ({
    course: clientOf(courseContract, { baseUrl: config.INTERNAL_URL }),
    enrollment: clientOf(enrollmentContract, { baseUrl: config.INTERNAL_URL }),
  }),
})
