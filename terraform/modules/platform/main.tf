# Puts the modules of a stage together; a stage gives it values and providers.
locals {
  name = "learning-hub-${var.stage}"
  pods = ["api-gateway", "chat", "code-exec-service", "live-streaming"]

  log_retention_days = var.sizes.observability.log_retention_days

  # Login roles of services, as shared/db/names.ts forms them; every topic of dead letters belongs to one.
  services       = [for topic in keys(var.topics) : trimsuffix(trimprefix(topic, "hub."), ".dlq") if endswith(topic, ".dlq")]
  database_roles = toset(concat(["hub_outbox_publisher"], [for service in local.services : "hub_${replace(service, "-", "_")}"]))

  origins = ["https://${var.domain_name}", "https://static.${var.domain_name}"]
}

data "aws_route53_zone" "this" {
  name         = var.zone_name
  private_zone = false
}

module "secrets" {
  source    = "../secrets"
  providers = { aws = aws, aws.replica = aws.replica }

  name           = local.name
  stage          = var.stage
  account_id     = var.account_id
  region         = var.region
  database_roles = local.database_roles
  kafka_users    = ["gateway", "outbox-publisher", "pipeline"]
}

module "network" {
  source = "../network"

  name               = local.name
  cidr               = var.cidr
  zones              = var.zones
  nat_gateways       = var.sizes.network.nat_gateways
  log_retention_days = local.log_retention_days
  logs_key_arn       = module.secrets.key_arns.logs
}

module "storage" {
  source    = "../storage"
  providers = { aws = aws, aws.replica = aws.replica }

  name              = local.name
  bucket_prefix     = var.bucket_prefix
  account_id        = var.account_id
  key_arn           = module.secrets.key_arns.storage
  replica_key_arn   = module.secrets.replica_key_arn
  distribution_arns = module.edge.distribution_arns
  upload_origins    = local.origins
}

module "edge" {
  source = "../edge"

  name                = local.name
  domain_name         = var.domain_name
  zone_id             = data.aws_route53_zone.this.zone_id
  playback_public_key = var.playback_public_key
  player_origins      = local.origins
  blocked_countries   = var.blocked_countries
  rate_limit          = var.sizes.edge.rate_limit
  price_class         = var.sizes.edge.price_class
  logs_bucket_arn     = module.storage.buckets.logs.arn
  log_retention_days  = local.log_retention_days
  logs_key_arn        = module.secrets.key_arns.logs
  bucket_domain_names = {
    static = module.storage.buckets.static.domain_name
    media  = module.storage.buckets.media.domain_name
  }
}

module "balancers" {
  source = "../balancers"

  name               = local.name
  domain_name        = var.domain_name
  zone_id            = data.aws_route53_zone.this.zone_id
  vpc_id             = module.network.vpc_id
  public_subnet_ids  = module.network.public_subnet_ids
  private_subnet_ids = module.network.private_subnet_ids
  certificate_arn    = module.edge.certificate_arn
  web_acl_arn        = module.edge.regional_web_acl_arn
  logs_bucket_name   = module.storage.logs_bucket_name
  security_group_ids = {
    public   = module.network.security_group_ids["alb"]
    internal = module.network.security_group_ids["internal-alb"]
  }
}

module "database" {
  source    = "../database"
  providers = { aws = aws, aws.replica = aws.replica }

  name               = local.name
  size               = var.sizes.database
  subnet_ids         = module.network.database_subnet_ids
  security_group_id  = module.network.security_group_ids["rds"]
  key_arn            = module.secrets.key_arns.database
  secrets_key_arn    = module.secrets.key_arns.secrets
  replica_key_arn    = module.secrets.replica_key_arn
  role_secret_arns   = module.secrets.database_role_secret_arns
  log_retention_days = local.log_retention_days
  logs_key_arn       = module.secrets.key_arns.logs
}

module "cache" {
  source = "../cache"

  name               = local.name
  size               = var.sizes.cache
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.network.security_group_ids["cache"]
  key_arn            = module.secrets.key_arns.cache
  log_retention_days = local.log_retention_days
  logs_key_arn       = module.secrets.key_arns.logs
}

module "events" {
  source = "../events"

  name               = local.name
  size               = var.sizes.events
  topics             = var.topics
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.network.security_group_ids["msk"]
  key_arn            = module.secrets.key_arns.events
  scram_secret_arns  = module.secrets.kafka_user_secret_arns
  are_secrets_filled = var.are_secrets_filled
  log_retention_days = local.log_retention_days
  logs_key_arn       = module.secrets.key_arns.logs
}

module "search" {
  source = "../search"

  name               = local.name
  account_id         = var.account_id
  region             = var.region
  size               = var.sizes.search
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.network.security_group_ids["search"]
  key_arn            = module.secrets.key_arns.search
  client_role_arns   = [module.functions_iam.role_arns["services"]]
  log_retention_days = local.log_retention_days
  logs_key_arn       = module.secrets.key_arns.logs
}

module "cluster" {
  source = "../cluster"

  name                    = local.name
  stage                   = var.stage
  account_id              = var.account_id
  region                  = var.region
  kubernetes_version      = var.sizes.cluster.kubernetes_version
  node_groups             = var.sizes.cluster.node_groups
  subnet_ids              = module.network.private_subnet_ids
  security_group_id       = module.network.security_group_ids["eks"]
  secrets_key_arn         = module.secrets.key_arns.secrets
  disks_key_arn           = module.secrets.key_arns.nodes
  administrator_role_arns = var.administrator_role_arns
  log_retention_days      = local.log_retention_days
  logs_key_arn            = module.secrets.key_arns.logs
}

module "functions_iam" {
  source = "../functions-iam"

  name             = local.name
  account_id       = var.account_id
  region           = var.region
  media_bucket_arn = module.storage.buckets.media.arn
  storage_key_arn  = module.secrets.key_arns.storage
  msk_cluster_arn  = module.events.cluster_arn
  msk_cluster_uuid = module.events.cluster_uuid
}

module "observability" {
  source = "../observability"

  name                      = local.name
  stage                     = var.stage
  account_id                = var.account_id
  pods                      = local.pods
  alert_address             = var.alert_address
  region                    = var.region
  sizes                     = var.sizes
  balancers                 = module.balancers.arn_suffixes
  proxy_connections_percent = module.database.proxy_connections_percent
  trace_share               = var.sizes.observability.trace_share
  log_retention_days        = local.log_retention_days
  logs_key_arn              = module.secrets.key_arns.logs
}

module "delivery" {
  source = "../delivery"

  name             = local.name
  pods             = local.pods
  key_arn          = module.secrets.key_arns.storage
  artifacts_bucket = module.storage.buckets.artifacts.name
  layers = {
    ffprobe = "${var.layers_folder}/ffprobe/dist/ffprobe-linux-arm64.zip"
    fonts   = "${var.layers_folder}/fonts/dist/fonts.zip"
    typst   = "${var.layers_folder}/typst/dist/typst-linux-arm64.zip"
  }
}

module "budget" {
  source = "../budget"

  name            = local.name
  stage           = var.stage
  account_id      = var.account_id
  monthly_usd     = var.sizes.budget.monthly_usd
  anomaly_usd     = var.sizes.budget.anomaly_usd
  alarm_topic_arn = module.observability.alarm_topic_arn
}
