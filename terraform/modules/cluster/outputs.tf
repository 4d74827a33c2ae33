output "name" {
  description = "The cluster, for `aws eks update-kubeconfig`."
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "Its API, within the network."
  value       = aws_eks_cluster.this.endpoint
}

output "external_secrets_role_arn" {
  description = "Reads the secrets that pods are given."
  value       = aws_iam_role.pod["external-secrets"].arn
}
