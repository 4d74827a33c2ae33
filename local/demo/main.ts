import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeJson } from '../hub/data-folder.ts'
import { SAMPLE_ADMIN_EMAIL } from '../hub/hub.ts'
import { type Played, playMainJob } from './main-job.ts'
import { type Narrator, silentNarrator, terminalNarrator } from './narrator.ts'
import { borrowHub } from './own-hub.ts'

// `npm run demo [-- --video FILE]`: the main job against the running hub, or against one for its own time.
const root = fileURLToPath(new URL('../..', import.meta.url))
const SAMPLE_VIDEO = join(root, 'local', 'sample', 'bigbuckbunny.mp4')

const main = async () => {
  const { values } = parseArgs({
    options: { video: { type: 'string' }, sample: { type: 'string' } },
  })
  // npm runs scripts in the package's folder; the file is named from where the person stands.
  const video = values.video ? resolve(process.env.INIT_CWD ?? '.', values.video) : SAMPLE_VIDEO
  await refuseUnlessFile(video)
  const narrate = values.sample ? silentNarrator : terminalNarrator()
  const hub = await borrowHub({ root, hubUrl: process.env.HUB_URL, say: narrate.say })
  try {
    const options = { url: hub.url, video, adminEmail: SAMPLE_ADMIN_EMAIL, narrate }
    const played = await playMainJob(options)
    if (values.sample) await writeSample(values.sample, played)
    else showLinks(played, narrate)
  } finally {
    await hub.giveBack()
  }
}

const refuseUnlessFile = async (file: string) => {
  if (!existsSync(file)) throw new Error(`There is no file ${file}.`)
  const { size } = await stat(file)
  if (size === 0) throw new Error(`${file} is empty.`)
}

const showLinks = ({ links, people }: Played, narrate: Narrator) => {
  narrate.say('')
  for (const { title, url } of links) narrate.say(`  ${title.padEnd(36)} ${url}`)
  for (const { role, email, password } of people)
    narrate.say(`  ${role.padEnd(36)} ${email} / ${password}`)
}

const writeSample = (file: string, { links, people }: Played) =>
  writeJson(file, {
    links: links.filter(({ lasts }) => lasts),
    accounts: people.map(({ name, role, email, password }) => ({ name, role, email, password })),
  })

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
