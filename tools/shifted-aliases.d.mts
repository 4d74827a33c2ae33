/** See shifted-aliases.mjs: Serverless loads it as it is. */
export default class ShiftedAliases {
  constructor(serverless: unknown)
  nameAliases(): void
  addAliases(): void
}
