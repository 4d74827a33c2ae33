output "url" {
  description = "The cluster's configuration endpoint; clients speak TLS and the cluster protocol."
  value       = "rediss://${aws_elasticache_replication_group.this.configuration_endpoint_address}:6379"
}
