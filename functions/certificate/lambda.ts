import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { certificate } from './service.ts'

const runtime = startRuntime(certificate)

export const http = httpDoor(certificate, runtime)
export const bus = busDoor(certificate, runtime)
export const jobs = jobsDoor(certificate, runtime)
