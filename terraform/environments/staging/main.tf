# Both stages are these very lines (a test compares the files); they differ in their values and in where their state is kept.
module "platform" {
  source    = "../../modules/platform"
  providers = { aws = aws, aws.replica = aws.replica }

  stage                   = var.stage
  account_id              = var.account_id
  region                  = var.region
  replica_region          = var.replica_region
  bucket_prefix           = var.bucket_prefix
  domain_name             = var.domain_name
  zone_name               = var.zone_name
  alert_address           = var.alert_address
  mail_from               = var.mail_from
  internal_jwks           = var.internal_jwks
  playback_public_key     = var.playback_public_key
  blocked_countries       = var.blocked_countries
  administrator_role_arns = var.administrator_role_arns
  layers_folder           = var.layers_folder
  are_secrets_filled      = var.are_secrets_filled
  topics                  = var.topics
  sizes                   = var.sizes
}
