import { unseal } from '../../shared/auth/seal.ts'
import { notificationContract } from '../../shared/contracts/notification.ts'
import { invokeLater } from '../../shared/lambda/invoke-later.ts'
import { defineService } from '../../shared/service/define.ts'
import { mailEventsVerifier } from './commands/mail-events.ts'
import { sendgridMailer } from './commands/mailer.ts'
import { signedSubscriptions } from './commands/subscription.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'
import { readSettings } from './settings.ts'

export const notification = defineService({
  contract: notificationContract,
  routes,
  reactions,
  jobs,
  deps: ({ config, environment, log }): Deps => {
    const settings = readSettings(environment)
    const { NOTIFICATION_JOBS, SENDGRID_API_KEY, SENDGRID_BASE_URL, MAIL_FROM } = settings
    return {
      mailer: sendgridMailer({
        apiKey: SENDGRID_API_KEY,
        baseUrl: SENDGRID_BASE_URL,
        from: MAIL_FROM,
      }),
      subscriptions: signedSubscriptions(settings.UNSUBSCRIBE_KEY),
      verifyMailEvents: mailEventsVerifier(settings.SENDGRID_WEBHOOK_KEY || undefined),
      unseal: (sealed) => unseal(sealed, settings.SEAL_KEY),
      publicUrl: config.PUBLIC_URL,
      random: Math.random,
      wakeSender: NOTIFICATION_JOBS
        ? invokeLater({
            functionName: NOTIFICATION_JOBS,
            payload: { job: 'sendDeliveries' },
            environment,
            log,
          })
        : async () => {},
    }
  },
})
