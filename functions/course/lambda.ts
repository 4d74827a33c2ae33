import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { course } from './service.ts'

const runtime = startRuntime(course)

export const http = httpDoor(course, runtime)
export const bus = busDoor(course, runtime)
