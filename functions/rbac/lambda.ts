import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { rbac } from './service.ts'

const runtime = startRuntime(rbac)

export const http = httpDoor(rbac, runtime)
export const bus = busDoor(rbac, runtime)
export const jobs = jobsDoor(rbac, runtime)
