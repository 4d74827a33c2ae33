import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { user } from './service.ts'

const runtime = startRuntime(user)

export const http = httpDoor(user, runtime)
export const bus = busDoor(user, runtime)
export const jobs = jobsDoor(user, runtime)
