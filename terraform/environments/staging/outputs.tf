output "platform" {
  description = "What operations and the pipeline need to know: modules/platform/outputs.tf."
  value       = module.platform
}
