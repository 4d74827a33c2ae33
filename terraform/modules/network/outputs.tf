output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "In the order of the zones."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "In the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "database_subnet_ids" {
  description = "In the order of the zones."
  value       = [for zone in var.zones : aws_subnet.database[zone].id]
}

output "security_group_ids" {
  description = "By group: alb, internal-alb, eks, functions, rds, cache, msk, search."
  value       = { for group, each in aws_security_group.this : group => each.id }
}
