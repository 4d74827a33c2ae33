import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { notification } from './service.ts'

const runtime = startRuntime(notification)

export const http = httpDoor(notification, runtime)
export const bus = busDoor(notification, runtime)
export const jobs = jobsDoor(notification, runtime)
