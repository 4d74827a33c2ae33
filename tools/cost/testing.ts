import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A path in a fresh folder, for a test that writes a file. */
export const scratchFile = async (name: string): Promise<string> =>
  join(await mkdtemp(join(tmpdir(), 'hub-cost-')), name)

const FOCUS_HEAD =
  'BilledCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ServiceName,Tags'

/** A FOCUS export of production's, each charge on the first day of its month. @returns its path */
export const focusExport = async (
  group: string,
  charges: readonly { readonly service: string; readonly month: string; readonly usd: string }[],
): Promise<string> => {
  const path = await scratchFile('focus.csv')
  const rows = charges.map(
    ({ service, month, usd }) =>
      `${usd},USD,${month}-01,${month}-01,Usage,${service},"{""user:stage"":""prod"",""user:group"":""${group}""}"`,
  )
  await writeFile(path, [FOCUS_HEAD, ...rows, ''].join('\n'))
  return path
}
