import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { videoStreaming } from './service.ts'

const runtime = startRuntime(videoStreaming)

export const http = httpDoor(videoStreaming, runtime)
export const bus = busDoor(videoStreaming, runtime)
