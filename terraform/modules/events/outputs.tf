output "cluster_arn" {
  description = "The cluster."
  value       = aws_msk_cluster.this.arn
}

output "cluster_uuid" {
  description = "Stands in the ARNs of its topics and groups."
  value       = aws_msk_cluster.this.cluster_uuid
}

output "brokers" {
  description = "host:port of the brokers for SCRAM over TLS, separated by commas."
  value       = aws_msk_cluster.this.bootstrap_brokers_sasl_scram
}

output "topics" {
  description = "What `npm run topics` makes and keeps on this cluster."
  value       = var.topics
}
