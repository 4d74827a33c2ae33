import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { progress } from './service.ts'

const runtime = startRuntime(progress)

export const http = httpDoor(progress, runtime)
export const bus = busDoor(progress, runtime)
export const jobs = jobsDoor(progress, runtime)
