output "url" {
  description = "Where the domain answers, within the network."
  value       = "https://${aws_opensearch_domain.this.endpoint}"
}
