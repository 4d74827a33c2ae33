locals {
  # Proxy and instances refuse whoever comes without TLS; a client that asks for it also checks who answers.
  secured = "sslmode=verify-full"
}

output "proxy_url" {
  description = "What functions connect to, without role and password."
  value       = "postgres://${aws_db_proxy.this.endpoint}:${local.port}/${local.database}?${local.secured}"
}

output "proxy_connections_percent" {
  description = "Share of the database's connections that the proxy may take."
  value       = local.proxy_connections_percent
}

output "instance_url" {
  description = "What migrations connect to: their locks belong to a session, which the proxy would pin."
  value       = "postgres://${aws_db_instance.primary.address}:${local.port}/${local.database}?${local.secured}"
}

output "replica_urls" {
  description = "By what the replica serves."
  value       = { for purpose, each in aws_db_instance.replica : purpose => "postgres://${each.address}:${local.port}/${local.database}?${local.secured}" }
}

output "owner_secret_arn" {
  description = "The owner's password, as RDS keeps it."
  value       = try(aws_db_instance.primary.master_user_secret[0].secret_arn, null)
}
