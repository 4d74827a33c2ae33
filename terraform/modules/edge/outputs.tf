output "certificate_arn" {
  description = "The certificate of the hub's names, once it is proved."
  value       = aws_acm_certificate_validation.this.certificate_arn
}

output "distribution_arns" {
  description = "CloudFront's distributions: static, media."
  value       = { for kind, each in aws_cloudfront_distribution.this : kind => each.arn }
}

output "regional_web_acl_arn" {
  description = "The firewall for balancers."
  value       = aws_wafv2_web_acl.this["regional"].arn
}

output "playback_key_id" {
  description = "Names the key in signed playback addresses (Key-Pair-Id)."
  value       = aws_cloudfront_public_key.playback.id
}
