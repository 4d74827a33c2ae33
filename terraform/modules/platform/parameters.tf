# What the serverless stack, the pods and the pipeline read, by name below /learning-hub/<stage>/. A test proves that they read every
# one of these and no other. Parameter Store refuses a value with {{ in it, so a template is written in base64.
locals {
  parameters = {
    "cache/url"                        = module.cache.url
    "database/proxy-url"               = module.database.proxy_url
    "functions/certificates-role-arn"  = module.functions_iam.role_arns["certificates"]
    "functions/media-role-arn"         = module.functions_iam.role_arns["media"]
    "functions/notification-role-arn"  = module.functions_iam.role_arns["notification"]
    "functions/playback-role-arn"      = module.functions_iam.role_arns["playback"]
    "functions/publisher-role-arn"     = module.functions_iam.role_arns["publisher"]
    "functions/role-arn"               = module.functions_iam.role_arns["services"]
    "functions/security-group-id"      = module.network.security_group_ids["functions"]
    "functions/shift-role-arn"         = module.functions_iam.shift_role_arn
    "functions/state-machine-role-arn" = module.functions_iam.state_machine_role_arn
    "functions/video-role-arn"         = module.functions_iam.role_arns["video"]
    "gateway/internal-jwks"            = var.internal_jwks
    "kafka/brokers"                    = module.events.brokers
    "kafka/cluster-arn"                = module.events.cluster_arn
    "layers/ffprobe-arn"               = module.delivery.layer_arns["ffprobe"]
    "layers/fonts-arn"                 = module.delivery.layer_arns["fonts"]
    "layers/typst-arn"                 = module.delivery.layer_arns["typst"]
    "mail/from"                        = var.mail_from
    "media/mediaconvert-role-arn"      = module.functions_iam.mediaconvert_role_arn
    "network/internal-listener-arn"    = module.balancers.internal_listener_arn
    "network/internal-url"             = module.balancers.internal_url
    "network/private-subnet-id-a"      = module.network.private_subnet_ids[0]
    "network/private-subnet-id-b"      = module.network.private_subnet_ids[1]
    "network/private-subnet-id-c"      = module.network.private_subnet_ids[2]
    "network/public-url"               = module.balancers.public_url
    "observability/alertmanager"       = base64encode(module.observability.alertmanager_configuration)
    "storage/media-bucket"             = module.storage.buckets.media.name
  }
}

resource "aws_ssm_parameter" "this" {
  for_each = local.parameters

  name  = "/learning-hub/${var.stage}/${each.key}"
  type  = "String"
  value = each.value
}
