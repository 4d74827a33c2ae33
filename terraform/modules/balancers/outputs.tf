output "internal_listener_arn" {
  description = "Where the serverless stack puts its rules."
  value       = aws_lb_listener.internal.arn
}

output "gateway_target_group_arn" {
  description = "Where the cluster enters the gateway's pods."
  value       = aws_lb_target_group.gateway.arn
}

output "public_url" {
  description = "Where people reach the hub."
  value       = "https://${local.balancers.public.host}"
}

output "internal_url" {
  description = "Where services reach each other."
  value       = "https://${local.balancers.internal.host}"
}

output "arn_suffixes" {
  description = "The balancers as CloudWatch names them in its metrics."
  value       = { for name, balancer in aws_lb.this : name => balancer.arn_suffix }
}
