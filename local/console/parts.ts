import type { MappingLag } from '../event-source-mappings/event-source-mappings.ts'
import type { Lambda } from '../lambda/lambda.ts'
import type { MailServer } from '../mail/mail.ts'
import type { Template } from '../template/template.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { LogRing } from './log-ring.ts'
import type { Redact } from './redact.ts'
import type { Workflows } from './workflows.ts'

/** What the sample run left behind for a newcomer to look at. */
export type Sample = {
  readonly accounts: readonly { name: string; role: string; email: string; password: string }[]
  readonly links: readonly { title: string; url: string }[]
}

/** What the console looks at, and the one thing that it does: calling functions. */
export type Parts = {
  /** Where the hub answers. */
  readonly url: string
  readonly template: Pick<Template, 'functions' | 'listenerRules' | 'stateMachines'>
  readonly lambda: Pick<Lambda, 'stats' | 'invoke'>
  readonly mail: Pick<MailServer, 'list'>
  lag(): Promise<readonly MappingLag[]>
  readonly letters: DeadLetters
  readonly workflows: Workflows
  readonly logs: LogRing
  readonly redact: Redact
  sample(): Promise<Sample | undefined>
  /** Who sits at this machine: what a form suggests as a name. */
  readonly operator: string
}
