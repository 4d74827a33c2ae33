output "parameters" {
  description = "What the serverless stack and the pods read, by name."
  value       = { for name, each in aws_ssm_parameter.this : each.name => each.arn }
}

output "service_secrets" {
  description = "What an operation has to fill, once: secret -> ARN and the keys of its JSON."
  value       = module.secrets.service_secrets
}

output "migration_url" {
  description = "What `npm run migrate` connects to, without role and password."
  value       = module.database.instance_url
}

output "database_owner_secret_arn" {
  description = "The owner's password, as RDS keeps it."
  value       = module.database.owner_secret_arn
}

output "replica_urls" {
  description = "Read replicas by what they serve."
  value       = module.database.replica_urls
}

output "cache_url" {
  description = "Redis, for pods."
  value       = module.cache.url
}

output "search_url" {
  description = "OpenSearch."
  value       = module.search.url
}

output "cluster_name" {
  description = "For `aws eks update-kubeconfig`."
  value       = module.cluster.name
}

output "gateway_target_group_arn" {
  description = "Where the cluster enters the gateway's pods."
  value       = module.balancers.gateway_target_group_arn
}

output "repository_urls" {
  description = "Where the pipeline pushes images, by pod."
  value       = module.delivery.repository_urls
}

output "alarm_topic_arn" {
  description = "Where every alarm is published."
  value       = module.observability.alarm_topic_arn
}

output "playback_key_id" {
  description = "Names the key in signed playback addresses (Key-Pair-Id)."
  value       = module.edge.playback_key_id
}
