import { emailKeyOf } from '../../../shared/kernel/email.ts'

/**
 * Whether a password is among those that are guessed first (NIST SP 800-63B section 5.1.1.2): the most used of
 * eight characters and more, one character repeated, a run of neighbours, or the account's own address.
 */
export const isGuessable = (password: string, email: string): boolean => {
  const plain = password.normalize('NFKC').toLowerCase()
  const key = emailKeyOf(email)
  const [local = ''] = key.split('@')
  return (
    COMMON.has(plain) ||
    plain === key ||
    plain === local ||
    new Set(plain).size <= 2 ||
    RUNS.some((run) => run.includes(plain) || run.includes([...plain].reverse().join('')))
  )
}

/** Whatever lies within one of these, read either way, is a run. */
const RUNS = [
  '01234567890123456789',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik',
  '1q2w3e4r5t6y7u8i9o0p',
]

// The heads of published leak statistics, eight characters and longer (shorter ones the contract refuses).
const COMMON: ReadonlySet<string> = new Set(
  `password password1 password12 password123 password1234 password! password1! passw0rd p@ssword
  p@ssw0rd p@ssw0rd1 pa55word pa$$word iloveyou iloveyou1 iloveyou2 iloveyou! ilovegod princess
  princess1 sunshine sunshine1 football football1 baseball baseball1 basketball superman superman1
  batman123 spiderman starwars trustno1 welcome1 welcome12 welcome123 welcome! letmein1 letmein123
  letmein! whatever jennifer michelle michael1 jessica1 samantha victoria alexander charlie1 jordan23
  computer internet samsung1 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwerty1! asdf1234
  asdfghjkl zxcvbnm1 abcd1234 abcd12345 abc12345 abc123456 abc123abc a1b2c3d4 a1234567 a12345678
  a123456789 aa123456 aa12345678 test1234 testtest test12345 admin123 admin1234 admin12345
  administrator changeme changeme1 changeme123 default1 secret123 master123 monkey123 dragon123
  shadow123 hello123 hello1234 freedom1 mustang1 corvette mercedes ferrari1 liverpool liverpool1
  chelsea1 arsenal1 barcelona juventus pokemon1 pokemon123 minecraft naruto123 fuckyou1 fuckyou2
  blink182 babygirl babygirl1 butterfly chocolate cheese123 cookie123 summer123 summer2024 summer2025
  winter2024 winter2025 spring2024 spring2025 autumn2024 autumn2025 january1 february september
  december november qazwsxedc qazwsx123 q1w2e3r4 q1w2e3r4t5 zaq12wsx zaq1zaq1 1qaz2wsx 1qaz@wsx
  1q2w3e4r 1q2w3e4r5t 11223344 12341234 12344321 123123123 123321123 112233445566 147258369 159753456
  741852963 987654321 123456789a 12345678a 12345qwert 1234qwer 1234abcd 123qweasd 123qwe123 123abc123
  19871987 20202020 20242024 25802580 55555555 66666666 77777777 88888888 99999999 learning learning1
  learninghub student1 student123 teacher1 teacher123 guest123 google123 facebook facebook1 linkedin
  linkedin1 passwort passwort1 passwort123 motdepasse motdepasse1 contraseña contrasena senha123
  azerty123 azertyuiop iloveyou123 lovelove loveyou1 bailey123 password2 password3 password01
  password2024 password2025 password2026`.split(/\s+/),
)
