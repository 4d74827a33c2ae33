import { html } from 'hono/html'
import { page } from './layout.ts'

/** What this machine answers beside the console: where a mail's link leads, the API's description, an error. */
export const startingPage = (): string =>
  page({ title: 'Learning Hub is starting', body: html`<p>Reload in a few seconds.</p>` })

export const errorPage = (status: number, sentence: string): string =>
  page({
    title: status === 404 ? 'Not found' : status < 500 ? 'That cannot be done' : 'That has failed',
    section: '/_hub',
    body: html`<p>${sentence}</p><p><a href="/_hub">To the overview</a></p>`,
  })

export const docsPage = (): string =>
  String(html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>API · Learning Hub</title>
<link rel="icon" href="/_hub/assets/icon.svg">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/_hub/assets/docs.js"></script>`)

const MAILED: Readonly<Record<string, { title: string; operation: string }>> = {
  '/verify': { title: 'Confirm your address', operation: '/v1/auth/verify-email' },
  '/reset': { title: 'Choose a new password', operation: '/v1/auth/password-reset/confirm' },
}

/** Where a mail's link leads on this machine: a button, because opening a link must not yet do anything. */
export const mailTokenPage = (path: string, token: string): string | undefined => {
  const mailed = Object.hasOwn(MAILED, path) ? MAILED[path] : undefined
  if (!mailed) return undefined
  return page({
    title: mailed.title,
    body: html`<form id="mailed" class="stack" data-operation="${mailed.operation}">
      <input type="hidden" name="token" value="${token}">
      <label for="password">New password</label>
      <input id="password" name="password" type="password" minlength="8" required autocomplete="new-password">
      <div class="actions"><button class="primary">${mailed.title}</button></div></form>
    <p id="said" role="status"></p>
    <script src="/_hub/assets/mailed.js" defer></script>`,
  })
}
