import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { content } from './service.ts'

const runtime = startRuntime(content)

export const http = httpDoor(content, runtime)
export const bus = busDoor(content, runtime)
