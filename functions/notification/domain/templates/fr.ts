import type { Texts } from './texts.ts'

export const fr: Texts = {
  greeting: 'Bonjour {name},',
  greetingWithoutName: 'Bonjour,',
  someCourse: 'votre cours',
  signature: 'Learning Hub',
  unsubscribe: 'Ne plus recevoir ce type de messages',
  unsubscribePage: {
    title: 'Se désabonner',
    question: 'Ne plus recevoir ce type de messages ?',
    button: 'Se désabonner',
    done: 'C’est fait : vous ne recevrez plus ce type de messages.',
  },
  messages: {
    welcome: {
      subject: 'Bienvenue sur Learning Hub',
      paragraphs: ['Votre compte est prêt. Choisissez un cours et commencez.'],
    },
    verify_email: {
      subject: 'Confirmez votre adresse électronique',
      paragraphs: [
        'Merci de confirmer que cette adresse est la vôtre. Le lien fonctionne une seule fois, jusqu’au {expiresAt}.',
        'Si vous ne vous êtes pas inscrit, ignorez ce message.',
      ],
      action: 'Confirmer l’adresse',
    },
    sign_up_repeated: {
      subject: 'Vous avez déjà un compte',
      paragraphs: [
        'Quelqu’un, sans doute vous, a voulu créer un compte avec cette adresse. Il en existe déjà un : connectez-vous.',
        'Si ce n’était pas vous, il n’y a rien à faire : personne n’a appris que ce compte existe.',
      ],
      action: 'Se connecter',
    },
    reset_password: {
      subject: 'Choisissez un nouveau mot de passe',
      paragraphs: [
        'Vous avez demandé un nouveau mot de passe. Le lien fonctionne une seule fois, jusqu’au {expiresAt}.',
        'Si ce n’était pas vous, ignorez ce message : votre mot de passe ne change pas.',
      ],
      action: 'Choisir un mot de passe',
    },
    password_changed: {
      subject: 'Votre mot de passe a été modifié',
      paragraphs: [
        'Le mot de passe de votre compte a été modifié et les autres sessions ont été fermées.',
        'Si ce n’était pas vous, choisissez tout de suite un nouveau mot de passe.',
      ],
      action: 'Choisir un mot de passe',
    },
    confirm_new_email: {
      subject: 'Confirmez votre nouvelle adresse électronique',
      paragraphs: [
        'Vous avez demandé à utiliser cette adresse pour votre compte. Le lien fonctionne une seule fois, jusqu’au {expiresAt}.',
        'Si ce n’était pas vous, ignorez ce message.',
      ],
      action: 'Confirmer l’adresse',
    },
    email_change_notice: {
      subject: 'Votre adresse électronique va changer',
      paragraphs: [
        'Une personne connectée à votre compte a demandé à utiliser une autre adresse électronique.',
        'Si ce n’était pas vous, changez votre mot de passe maintenant : cela ferme toutes les sessions.',
      ],
      action: 'Choisir un mot de passe',
    },
    invitation: {
      subject: '{organizationName} vous invite sur Learning Hub',
      paragraphs: [
        '{organizationName} vous invite. L’invitation est valable jusqu’au {expiresAt}.',
      ],
      action: 'Voir l’invitation',
    },
    enrolled: {
      subject: 'Vous êtes inscrit : {courseTitle}',
      paragraphs: ['Vous avez maintenant accès au cours : {courseTitle}. Bonne découverte !'],
      action: 'Ouvrir le cours',
    },
    video_ready: {
      subject: 'Votre vidéo est prête',
      paragraphs: ['La vidéo que vous avez envoyée est prête et peut être regardée.'],
      action: 'Ouvrir la vidéo',
    },
    video_failed: {
      subject: 'Votre vidéo n’a pas pu être préparée',
      paragraphs: ['La vidéo que vous avez envoyée n’a pas pu être préparée : {reason}'],
      action: 'Ouvrir la vidéo',
    },
    certificate_issued: {
      subject: 'Votre certificat : {courseTitle}',
      paragraphs: [
        'Félicitations, vous avez obtenu un certificat : {courseTitle}.',
        'Toute personne qui a le lien peut vérifier qu’il est authentique.',
      ],
      action: 'Montrer le certificat',
    },
    certificate_revoked: {
      subject: 'Certificat révoqué : {courseTitle}',
      paragraphs: ['Votre certificat n’est plus valable : {courseTitle}. Motif indiqué : {reason}'],
    },
  },
}
