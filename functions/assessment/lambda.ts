import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { jobsDoor } from '../../shared/lambda/jobs.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { assessment } from './service.ts'

const runtime = startRuntime(assessment)

export const http = httpDoor(assessment, runtime)
export const bus = busDoor(assessment, runtime)
export const jobs = jobsDoor(assessment, runtime)
