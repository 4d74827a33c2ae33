import { spawn } from 'node:child_process'

/*
 * Runs a program that must not outlive its owner: `leash.ts <grace ms> <program> <arguments…>`. The owner holds the
 * other end of standard input; when that closes, even because the owner was ended with kill -9, the program is asked to
 * end and, after the grace, killed. Without a grace it is killed at once.
 */
const [graceMs, program, ...args] = process.argv.slice(2)
const child = spawn(String(program), args, { stdio: ['ignore', 'inherit', 'inherit'] })

child.once('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(127)
})
child.once('exit', (code) => process.exit(code ?? 137))
process.stdin.once('close', () => {
  if (Number(graceMs) > 0) child.kill('SIGTERM')
  setTimeout(() => child.kill('SIGKILL'), Number(graceMs))
})
process.stdin.resume()
// A Ctrl-C reaches the whole terminal; it is the owner who decides what ends, and when.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
