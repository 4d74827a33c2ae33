import type { Texts } from './texts.ts'

export const en: Texts = {
  greeting: 'Hello {name},',
  greetingWithoutName: 'Hello,',
  someCourse: 'your course',
  signature: 'Learning Hub',
  unsubscribe: 'No more mails of this kind',
  unsubscribePage: {
    title: 'Unsubscribe',
    question: 'Do you want no more mails of this kind?',
    button: 'Unsubscribe',
    done: 'Done: we will send you no more mails of this kind.',
  },
  messages: {
    welcome: {
      subject: 'Welcome to Learning Hub',
      paragraphs: ['Your account is ready. Find a course and begin.'],
    },
    verify_email: {
      subject: 'Confirm your mail address',
      paragraphs: [
        'Please confirm that this address is yours. The link works once, until {expiresAt}.',
        'If you did not sign up, ignore this mail.',
      ],
      action: 'Confirm address',
    },
    sign_up_repeated: {
      subject: 'You already have an account',
      paragraphs: [
        'Somebody, probably you, asked for an account with this address. There is one already: just sign in.',
        'If it was not you, there is nothing to do: nobody was told that the account exists.',
      ],
      action: 'Sign in',
    },
    reset_password: {
      subject: 'Choose a new password',
      paragraphs: [
        'You asked for a new password. The link works once, until {expiresAt}.',
        'If you did not ask, ignore this mail: your password stays as it is.',
      ],
      action: 'Choose a password',
    },
    password_changed: {
      subject: 'Your password was changed',
      paragraphs: [
        'The password of your account was changed, and its other sessions were signed out.',
        'If it was not you, choose a new password at once.',
      ],
      action: 'Choose a password',
    },
    confirm_new_email: {
      subject: 'Confirm your new mail address',
      paragraphs: [
        'You asked to use this address for your account. The link works once, until {expiresAt}.',
        'If you did not ask, ignore this mail.',
      ],
      action: 'Confirm address',
    },
    email_change_notice: {
      subject: 'Your mail address is about to change',
      paragraphs: [
        'Somebody who is signed in to your account asked to use another mail address for it.',
        'If it was not you, change your password now: that signs everybody out.',
      ],
      action: 'Choose a password',
    },
    invitation: {
      subject: 'Join {organizationName} on Learning Hub',
      paragraphs: [
        '{organizationName} invites you to join. The invitation is open until {expiresAt}.',
      ],
      action: 'See the invitation',
    },
    enrolled: {
      subject: 'You are enrolled in {courseTitle}',
      paragraphs: ['You now have access to {courseTitle}. Enjoy it!'],
      action: 'Open the course',
    },
    video_ready: {
      subject: 'Your video is ready',
      paragraphs: ['The video that you uploaded has been prepared and can be watched.'],
      action: 'Open the video',
    },
    video_failed: {
      subject: 'Your video could not be prepared',
      paragraphs: ['The video that you uploaded could not be prepared: {reason}'],
      action: 'Open the video',
    },
    certificate_issued: {
      subject: 'Your certificate for {courseTitle}',
      paragraphs: [
        'Congratulations: you have earned the certificate for {courseTitle}.',
        'Whoever has the link can check that it is genuine.',
      ],
      action: 'Show the certificate',
    },
    certificate_revoked: {
      subject: 'Your certificate for {courseTitle} was revoked',
      paragraphs: [
        'Your certificate for {courseTitle} is no longer valid. The reason given: {reason}',
      ],
    },
  },
}
