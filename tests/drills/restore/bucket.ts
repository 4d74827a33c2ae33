import { readFile } from 'node:fs/promises'
import { S3Client } from '@aws-sdk/client-s3'
import * as z from 'zod'

const settingsSchema = z.object({
  endpoint: z.url(),
  region: z.string(),
  bucket: z.string(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
})

/** Where backups go. PostgreSQL hands its programs no environment, so it lies in a file that they are given. */
export type BackupSettings = z.output<typeof settingsSchema>

export const readSettings = async (file: string): Promise<BackupSettings> =>
  settingsSchema.parse(JSON.parse(await readFile(file, 'utf8')))

export const openBucket = ({ endpoint, region, accessKeyId, secretAccessKey }: BackupSettings) =>
  new S3Client({
    ...{ endpoint, region, forcePathStyle: true },
    credentials: { accessKeyId, secretAccessKey },
  })

export const walKey = (name: string): string => `wal/${name}`
export const BASE_KEY = 'base/cluster.tar'
export const LABEL_KEY = 'base/backup_label'
