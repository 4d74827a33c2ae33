import { html, raw } from 'hono/html'
import type { LambdaStats } from '../lambda/lambda.ts'
import type { Mail } from '../mail/mail.ts'
import { functionKeyOf, type Template } from '../template/template.ts'

/** What the sample run left behind for a newcomer to look at. */
export type Sample = {
  readonly accounts: readonly { name: string; role: string; email: string; password: string }[]
  readonly links: readonly { title: string; url: string }[]
}

/** Markup; hono's `html` escapes whatever is put into it that is not markup itself. */
type Markup = ReturnType<typeof html>

const page = (title: string, body: Markup): string =>
  String(html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Learning Hub</title>
<style>
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent) }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
  h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
  code { font-size: .9em } .ok { color: #2e7d32 } .bad { color: #c62828 } .dim { opacity: .65 }
  pre { white-space: pre-wrap; margin: 0; font: inherit }
</style>
<h1>${title}</h1>
${body}`)

export const startingPage = (): string =>
  page('Learning Hub is starting', html`<p>Reload in a few seconds.</p>`)

/** The page for a person: what runs, who can sign in, what there is to see. */
export const hubPage = ({
  url,
  template,
  stats,
  sample,
}: {
  url: string
  template: Template
  stats: LambdaStats
  sample: Sample | undefined
}): string =>
  page(
    'Learning Hub',
    html`<p><a href="/docs">API documentation</a> · <a href="/openapi.json">openapi.json</a> ·
      <a href="/_hub/mail">sent mail</a> · <a href="/health">health</a></p>
    ${sample ? sampleSection(sample) : html`<p class="dim">There is no sample course (yet): an empty hub fills itself in the background after its first start.</p>`}
    <h2>Services</h2>${servicesTable(template, stats)}
    <h2>Other functions</h2>${othersTable(template, stats)}
    <h2>Workflows</h2>${list(template.stateMachines.map(({ name }) => html`<code>${name}</code>`))}
    <p class="dim">This hub answers at ${url}.</p>`,
  )

const sampleSection = ({ accounts, links }: Sample): Markup => html`
    <h2>Look around</h2>
    ${list(links.map(({ title, url }) => html`<a href="${url}">${title}</a>`))}
    <h2>Sample accounts</h2>
    ${table(
      ['name', 'role', 'address', 'password'],
      accounts.map(({ name, role, email, password }) => [name, role, code(email), code(password)]),
    )}`

const servicesTable = (template: Template, stats: LambdaStats): Markup =>
  table(
    ['service', 'prefix', 'health', 'environments', 'invocations'],
    template.listenerRules.map((rule) => {
      const name = rule.targetGroup.functionName
      const path = rule.conditions.find(({ field }) => field === 'path')?.values[0]
      return [functionKeyOf(name), code(String(path)), ...health(stats, name)]
    }),
  )

const othersTable = (template: Template, stats: LambdaStats): Markup => {
  const serving = new Set(template.listenerRules.map((rule) => rule.targetGroup.functionName))
  return table(
    ['function', 'health', 'environments', 'invocations'],
    template.functions
      .filter(({ name }) => !serving.has(name))
      .map(({ name }) => [functionKeyOf(name), ...health(stats, name)]),
  )
}

/** A function that has not been called is healthy: it starts at its first call. */
const health = (stats: LambdaStats, name: string): Cell[] => {
  const of = stats.functions[name]
  const failures = of?.errors ?? 0
  const verdict =
    failures === 0
      ? html`<span class="ok">ok</span>`
      : html`<span class="bad">${failures} failed</span>`
  return [verdict, String(of?.environments ?? 0), String(of?.invocations ?? 0)]
}

type Cell = Markup | string

const code = (text: string): Markup => html`<code>${text}</code>`

const table = (heads: readonly string[], rows: readonly (readonly Cell[])[]): Markup =>
  html`<table><tr>${heads.map((head) => html`<th>${head}</th>`)}</tr>${rows.map(
    (row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</table>`

const list = (items: readonly Markup[]): Markup =>
  html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`

/** Mails as text, newest first: what a person would find in the inbox. */
export const mailPage = (mails: readonly Mail[]): string =>
  page(
    'Sent mail',
    mails.length === 0
      ? html`<p>No mail yet.</p>`
      : table(
          ['when', 'to', 'mail'],
          mails.map((mail) => [
            mail.at.slice(0, 19).replace('T', ' '),
            mail.to.join(', '),
            html`<strong>${mail.subject}</strong><pre>${linked(mail.text)}</pre>`,
          ]),
        ),
  )

const linked = (text: string): Markup =>
  html`${text
    .split(/(https?:\/\/\S+)/)
    .map((part, index) => (index % 2 === 1 ? html`<a href="${part}">${part}</a>` : part))}`

export const docsPage = (): string =>
  String(html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>API · Learning Hub</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true })</script>`)

const MAILED: Readonly<
  Record<string, { title: string; operation: string; asksPassword: boolean }>
> = {
  '/verify': {
    title: 'Confirm your address',
    operation: '/v1/auth/verify-email',
    asksPassword: false,
  },
  '/reset': {
    title: 'Choose a new password',
    operation: '/v1/auth/password-reset/confirm',
    asksPassword: true,
  },
}

/** Where a mail's link leads on this machine: a button, because opening a link must not yet do anything. */
export const mailTokenPage = (path: string, token: string): string | undefined => {
  const mailed = MAILED[path]
  if (!mailed) return undefined
  const password = html`<input name="password" type="password" minlength="8" required placeholder="new password">`
  return page(
    mailed.title,
    html`<form id="f"><input type="hidden" name="token" value="${token}">
      ${mailed.asksPassword ? password : ''}<button>${mailed.title}</button></form><p id="said"></p>
    <script>
      document.getElementById('f').onsubmit = async (event) => {
        event.preventDefault()
        const body = JSON.stringify(Object.fromEntries(new FormData(event.target)))
        const answer = await fetch('${raw(mailed.operation)}', {
          method: 'POST', body, headers: { 'content-type': 'application/json' } })
        const problem = answer.ok ? undefined : await answer.json()
        document.getElementById('said').textContent = problem ? problem.detail : 'Done.'
      }
    </script>`,
  )
}
