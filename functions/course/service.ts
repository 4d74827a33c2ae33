import { contentContract } from '../../shared/contracts/content.ts'
import { courseContract } from '../../shared/contracts/course.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

export const course = defineService({
  contract: courseContract,
  routes,
  reactions,
  deps: ({ config }): Deps => ({
    content: clientOf(contentContract, { baseUrl: config.INTERNAL_URL }),
  }),
})
