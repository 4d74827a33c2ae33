locals {
  # One key for each kind of data: who may read videos can not thereby read the database's backups.
  keys = {
    database = { description = "PostgreSQL: storage, backups, replicas.", services = [] }
    cache    = { description = "Redis at rest.", services = [] }
    events   = { description = "Kafka at rest.", services = [] }
    search   = { description = "OpenSearch at rest.", services = [] }
    storage  = { description = "Buckets.", services = ["cloudfront.amazonaws.com", "delivery.logs.amazonaws.com"] }
    nodes    = { description = "Disks of the cluster's nodes.", services = [] }
    secrets  = { description = "Secrets Manager and the secrets of Kubernetes.", services = [] }
    logs = {
      description = "Log groups, and the topic of alarms.",
      services = [
        "logs.${var.region}.amazonaws.com", "cloudwatch.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com",
      ]
    }
  }

  autoscaling_role_arn = join("/", [
    "arn:aws:iam::${var.account_id}:role/aws-service-role/autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling",
  ])

  # What serverless.yml resolves and pods are given: secret -> what it holds. The values are set by an operation and never by Terraform.
  service_secrets = {
    auth        = ["email-change", "key-encryption"]
    certificate = ["key-encryption"]
    database    = ["services"]
    gateway     = ["internal-signing-key"]
    kafka       = ["gateway", "outbox-publisher"]
    mail        = ["seal", "unsubscribe"]
    playback    = ["key"]
    sendgrid    = ["api-key"]
  }
}

resource "aws_kms_key" "this" {
  for_each = local.keys

  description             = "${var.name}: ${each.value.description}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "AccountKeepsTheKey"
        Effect    = "Allow"
        Action    = "kms:*"
        Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
        Resource  = "*"
      }],
      [for services in [each.value.services] : {
        Sid       = "ServicesUseTheKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"]
        Principal = { Service = services }
        Resource  = "*"
        Condition = { StringEqualsIfExists = { "aws:SourceAccount" = var.account_id } }
      } if length(services) > 0],
      # Nodes come and go by autoscaling, which must open their disks itself.
      [for kind in [each.key] : {
        Sid       = "AutoscalingUsesTheKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"]
        Principal = { AWS = local.autoscaling_role_arn }
        Resource  = "*"
      } if kind == "nodes"],
      [for kind in [each.key] : {
        Sid       = "AutoscalingLendsTheKey"
        Effect    = "Allow"
        Action    = "kms:CreateGrant"
        Principal = { AWS = local.autoscaling_role_arn }
        Resource  = "*"
        Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
      } if kind == "nodes"],
    )
  })
}

resource "aws_kms_alias" "this" {
  for_each = local.keys

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}

resource "aws_secretsmanager_secret" "service" {
  for_each = local.service_secrets

  name                    = "/learning-hub/${var.stage}/${each.key}"
  description             = "Holds: ${join(", ", each.value)}."
  kms_key_id              = aws_kms_key.this["secrets"].arn
  recovery_window_in_days = var.recovery_window_days
}

resource "aws_secretsmanager_secret" "database_role" {
  for_each = var.database_roles

  name                    = "/learning-hub/${var.stage}/database-role/${each.key}"
  description             = "Holds: username, password. The proxy signs in with it."
  kms_key_id              = aws_kms_key.this["secrets"].arn
  recovery_window_in_days = var.recovery_window_days
}

# MSK takes only secrets whose names begin like this, with a key that is not AWS's own.
resource "aws_secretsmanager_secret" "kafka_user" {
  for_each = var.kafka_users

  name                    = "AmazonMSK_${var.name}-${each.key}"
  description             = "Holds: username, password. The brokers check SCRAM against it."
  kms_key_id              = aws_kms_key.this["secrets"].arn
  recovery_window_in_days = var.recovery_window_days
}

# Backups that are copied to the other region are encrypted there with that region's key.
resource "aws_kms_key" "replica" {
  provider = aws.replica

  description             = "${var.name}: copies of backups."
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AccountKeepsTheKey"
      Effect    = "Allow"
      Action    = "kms:*"
      Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "replica" {
  provider = aws.replica

  name          = "alias/${var.name}-replica"
  target_key_id = aws_kms_key.replica.key_id
}
