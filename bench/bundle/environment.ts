const KEY = Buffer.alloc(32, 7).toString('base64')
const machine = (name: string) => `arn:aws:states:us-east-1:123456789012:stateMachine:${name}`

/** Every variable that any function reads at its start: the union of what `serverless.yml` gives them, and Lambda's own. */
export const environment: Readonly<Record<string, string>> = {
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  AWS_LAMBDA_FUNCTION_NAME: 'bench',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  _X_AMZN_TRACE_ID: 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1',
  POWERTOOLS_METRICS_NAMESPACE: 'LearningHub',
  DATABASE_URL: 'postgres://127.0.0.1:9/hub',
  DATABASE_PASSWORD: 'bench',
  INTERNAL_JWKS: JSON.stringify([{ kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid: 'bench' }]),
  INTERNAL_URL: 'http://127.0.0.1:9',
  PUBLIC_URL: 'http://hub.test',
  OUTBOX_PUBLISHER: 'outboxPublisher',
  MEDIA_BUCKET: 'media',
  SEAL_KEY: KEY,
  AUTH_KEY_ENCRYPTION_KEY: KEY,
  EMAIL_CHANGE_KEY: KEY,
  UNSUBSCRIBE_KEY: KEY,
  PLAYBACK_KEY: KEY,
  CERTIFICATE_KEY_ENCRYPTION_KEY: KEY,
  SENDGRID_API_KEY: 'SG.bench',
  MAIL_FROM: 'Learning Hub <hub@hub.test>',
  CERTIFICATE_STATE_MACHINE: machine('certificateIssuance'),
  VIDEO_STATE_MACHINE: machine('videoProcessing'),
}
