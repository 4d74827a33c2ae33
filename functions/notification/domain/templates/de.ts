import type { Texts } from './texts.ts'

export const de: Texts = {
  greeting: 'Guten Tag {name},',
  greetingWithoutName: 'Guten Tag,',
  someCourse: 'Ihren Kurs',
  signature: 'Learning Hub',
  unsubscribe: 'Keine solchen E-Mails mehr',
  unsubscribePage: {
    title: 'Abbestellen',
    question: 'Möchten Sie keine solchen E-Mails mehr erhalten?',
    button: 'Abbestellen',
    done: 'Erledigt: Sie erhalten keine solchen E-Mails mehr.',
  },
  messages: {
    welcome: {
      subject: 'Willkommen bei Learning Hub',
      paragraphs: ['Ihr Konto ist bereit. Suchen Sie sich einen Kurs aus und legen Sie los.'],
    },
    verify_email: {
      subject: 'Bestätigen Sie Ihre E-Mail-Adresse',
      paragraphs: [
        'Bitte bestätigen Sie, dass diese Adresse Ihnen gehört. Der Link gilt einmal, bis {expiresAt}.',
        'Falls Sie sich nicht angemeldet haben, ignorieren Sie diese Nachricht.',
      ],
      action: 'Adresse bestätigen',
    },
    sign_up_repeated: {
      subject: 'Sie haben bereits ein Konto',
      paragraphs: [
        'Jemand, vermutlich Sie, wollte mit dieser Adresse ein Konto anlegen. Es gibt schon eines: Melden Sie sich einfach an.',
        'Falls Sie es nicht waren, ist nichts zu tun: Niemand hat erfahren, dass es das Konto gibt.',
      ],
      action: 'Anmelden',
    },
    reset_password: {
      subject: 'Wählen Sie ein neues Passwort',
      paragraphs: [
        'Sie haben ein neues Passwort angefordert. Der Link gilt einmal, bis {expiresAt}.',
        'Falls Sie das nicht waren, ignorieren Sie diese Nachricht: Ihr Passwort bleibt, wie es ist.',
      ],
      action: 'Passwort wählen',
    },
    password_changed: {
      subject: 'Ihr Passwort wurde geändert',
      paragraphs: [
        'Das Passwort Ihres Kontos wurde geändert, alle anderen Sitzungen wurden beendet.',
        'Falls Sie das nicht waren, wählen Sie sofort ein neues Passwort.',
      ],
      action: 'Passwort wählen',
    },
    confirm_new_email: {
      subject: 'Bestätigen Sie Ihre neue E-Mail-Adresse',
      paragraphs: [
        'Sie möchten diese Adresse für Ihr Konto verwenden. Der Link gilt einmal, bis {expiresAt}.',
        'Falls Sie das nicht waren, ignorieren Sie diese Nachricht.',
      ],
      action: 'Adresse bestätigen',
    },
    email_change_notice: {
      subject: 'Ihre E-Mail-Adresse soll geändert werden',
      paragraphs: [
        'Jemand, der in Ihrem Konto angemeldet ist, möchte dafür eine andere E-Mail-Adresse verwenden.',
        'Falls Sie das nicht waren, ändern Sie jetzt Ihr Passwort: Das beendet alle Sitzungen.',
      ],
      action: 'Passwort wählen',
    },
    invitation: {
      subject: 'Einladung von {organizationName} zu Learning Hub',
      paragraphs: ['{organizationName} lädt Sie ein. Die Einladung gilt bis {expiresAt}.'],
      action: 'Einladung ansehen',
    },
    enrolled: {
      subject: 'Zugang freigeschaltet: {courseTitle}',
      paragraphs: ['Ihr Zugang ist freigeschaltet: {courseTitle}. Viel Freude damit!'],
      action: 'Kurs öffnen',
    },
    video_ready: {
      subject: 'Ihr Video ist bereit',
      paragraphs: [
        'Das Video, das Sie hochgeladen haben, ist aufbereitet und kann angesehen werden.',
      ],
      action: 'Video öffnen',
    },
    video_failed: {
      subject: 'Ihr Video konnte nicht aufbereitet werden',
      paragraphs: [
        'Das Video, das Sie hochgeladen haben, konnte nicht aufbereitet werden: {reason}',
      ],
      action: 'Video öffnen',
    },
    certificate_issued: {
      subject: 'Ihr Zertifikat: {courseTitle}',
      paragraphs: [
        'Herzlichen Glückwunsch, Sie haben ein Zertifikat erworben: {courseTitle}.',
        'Wer den Link kennt, kann prüfen, dass es echt ist.',
      ],
      action: 'Zertifikat zeigen',
    },
    certificate_revoked: {
      subject: 'Zertifikat widerrufen: {courseTitle}',
      paragraphs: [
        'Ihr Zertifikat gilt nicht mehr: {courseTitle}. Als Grund ist angegeben: {reason}',
      ],
    },
  },
}
