import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { media } from './service.ts'

const runtime = startRuntime(media)

export const http = httpDoor(media, runtime)
export const bus = busDoor(media, runtime)
export const jobs = jobsDoor(media, runtime)
