import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { enrollment } from './service.ts'

const runtime = startRuntime(enrollment)

export const http = httpDoor(enrollment, runtime)
export const bus = busDoor(enrollment, runtime)
export const jobs = jobsDoor(enrollment, runtime)
