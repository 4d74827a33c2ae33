import { contentContract } from '../../shared/contracts/content.ts'
import { courseContract } from '../../shared/contracts/course.ts'
import { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

export const content = defineService({
  contract: contentContract,
  routes,
  reactions,
  deps: ({ config }): Deps => ({
    course: clientOf(courseContract, { baseUrl: config.INTERNAL_URL }),
    enrollment: clientOf(enrollmentContract, { baseUrl: config.INTERNAL_URL }),
  }),
})
