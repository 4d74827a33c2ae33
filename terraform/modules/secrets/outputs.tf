output "key_arns" {
  description = "KMS keys by kind of data: database, cache, events, search, storage, nodes, secrets, logs."
  value       = { for kind, key in aws_kms_key.this : kind => key.arn }
}

output "database_role_secret_arns" {
  description = "By login role of PostgreSQL."
  value       = { for role, secret in aws_secretsmanager_secret.database_role : role => secret.arn }
}

output "kafka_user_secret_arns" {
  description = "By user of Kafka."
  value       = { for user, secret in aws_secretsmanager_secret.kafka_user : user => secret.arn }
}

output "service_secrets" {
  description = "What an operation has to fill, once: secret -> ARN and the keys of its JSON."
  value = {
    for name, keys in local.service_secrets :
    name => { arn = aws_secretsmanager_secret.service[name].arn, keys = keys }
  }
}

output "replica_key_arn" {
  description = "KMS key of the copies in the other region."
  value       = aws_kms_key.replica.arn
}
