import { busDoor } from '../../shared/lambda/bus.ts'
import { httpDoor } from '../../shared/lambda/http.ts'
import { startRuntime } from '../../shared/lambda/stack.ts'
import { organization } from './service.ts'

const runtime = startRuntime(organization)

export const http = httpDoor(organization, runtime)
export const bus = busDoor(organization, runtime)
