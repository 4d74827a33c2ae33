import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { auth } from './service.ts'

const runtime = startRuntime(auth)

export const http = httpDoor(auth, runtime)
export const bus = busDoor(auth, runtime)
export const jobs = jobsDoor(auth, runtime)
