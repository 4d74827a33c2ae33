output "layer_arns" {
  description = "Layer versions by name: ffprobe, fonts, typst."
  value       = { for name, layer in aws_lambda_layer_version.this : name => layer.arn }
}

output "repository_urls" {
  description = "Where the pipeline pushes images, by pod."
  value       = { for pod, repository in aws_ecr_repository.pod : pod => repository.repository_url }
}
