import { spawn } from 'node:child_process'

/*
 * Runs a program that must not outlive its owner: `leash.ts <program> <arguments…>`. The owner holds the other end of
 * standard input; when that closes, even because the owner was ended with kill -9, the program is killed.
 */
const [program, ...args] = process.argv.slice(2)
const child = spawn(String(program), args, { stdio: ['ignore', 'inherit', 'inherit'] })

child.once('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(127)
})
child.once('exit', (code) => process.exit(code ?? 137))
process.stdin.once('close', () => child.kill('SIGKILL'))
process.stdin.resume()
