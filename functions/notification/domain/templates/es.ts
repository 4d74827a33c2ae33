import type { Texts } from './texts.ts'

export const es: Texts = {
  greeting: 'Hola, {name}:',
  greetingWithoutName: 'Hola:',
  someCourse: 'su curso',
  signature: 'Learning Hub',
  unsubscribe: 'No recibir más correos de este tipo',
  unsubscribePage: {
    title: 'Darse de baja',
    question: '¿No quiere recibir más correos de este tipo?',
    button: 'Darse de baja',
    done: 'Hecho: no recibirá más correos de este tipo.',
  },
  messages: {
    welcome: {
      subject: 'Le damos la bienvenida a Learning Hub',
      paragraphs: ['Su cuenta está lista. Elija un curso y empiece.'],
    },
    verify_email: {
      subject: 'Confirme su dirección de correo',
      paragraphs: [
        'Confirme que esta dirección es suya. El enlace sirve una sola vez, hasta el {expiresAt}.',
        'Si no se ha registrado, ignore este mensaje.',
      ],
      action: 'Confirmar la dirección',
    },
    sign_up_repeated: {
      subject: 'Ya tiene una cuenta',
      paragraphs: [
        'Alguien, probablemente usted, quiso crear una cuenta con esta dirección. Ya existe una: basta con iniciar sesión.',
        'Si no fue usted, no hay nada que hacer: nadie ha sabido que la cuenta existe.',
      ],
      action: 'Iniciar sesión',
    },
    reset_password: {
      subject: 'Elija una contraseña nueva',
      paragraphs: [
        'Ha pedido una contraseña nueva. El enlace sirve una sola vez, hasta el {expiresAt}.',
        'Si no la ha pedido, ignore este mensaje: su contraseña no cambia.',
      ],
      action: 'Elegir una contraseña',
    },
    password_changed: {
      subject: 'Su contraseña ha cambiado',
      paragraphs: [
        'La contraseña de su cuenta ha cambiado y se han cerrado las demás sesiones.',
        'Si no fue usted, elija enseguida una contraseña nueva.',
      ],
      action: 'Elegir una contraseña',
    },
    confirm_new_email: {
      subject: 'Confirme su nueva dirección de correo',
      paragraphs: [
        'Ha pedido usar esta dirección para su cuenta. El enlace sirve una sola vez, hasta el {expiresAt}.',
        'Si no lo ha pedido, ignore este mensaje.',
      ],
      action: 'Confirmar la dirección',
    },
    email_change_notice: {
      subject: 'Su dirección de correo va a cambiar',
      paragraphs: [
        'Alguien con sesión iniciada en su cuenta ha pedido usar otra dirección de correo.',
        'Si no fue usted, cambie ahora su contraseña: así se cierran todas las sesiones.',
      ],
      action: 'Elegir una contraseña',
    },
    invitation: {
      subject: '{organizationName} le invita a Learning Hub',
      paragraphs: ['{organizationName} le invita. La invitación vale hasta el {expiresAt}.'],
      action: 'Ver la invitación',
    },
    enrolled: {
      subject: 'Ya tiene acceso: {courseTitle}',
      paragraphs: ['Ya tiene acceso al curso: {courseTitle}. ¡Que lo disfrute!'],
      action: 'Abrir el curso',
    },
    video_ready: {
      subject: 'Su vídeo está listo',
      paragraphs: ['El vídeo que subió está preparado y ya se puede ver.'],
      action: 'Abrir el vídeo',
    },
    video_failed: {
      subject: 'No se ha podido preparar su vídeo',
      paragraphs: ['No se ha podido preparar el vídeo que subió: {reason}'],
      action: 'Abrir el vídeo',
    },
    certificate_issued: {
      subject: 'Su certificado: {courseTitle}',
      paragraphs: [
        'Enhorabuena, ha obtenido un certificado: {courseTitle}.',
        'Quien tenga el enlace puede comprobar que es auténtico.',
      ],
      action: 'Mostrar el certificado',
    },
    certificate_revoked: {
      subject: 'Certificado revocado: {courseTitle}',
      paragraphs: ['Su certificado ya no es válido: {courseTitle}. Motivo indicado: {reason}'],
    },
  },
}
