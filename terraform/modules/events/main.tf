locals {
  # What a topic gets that nobody described: the most careful of all that are described.
  replicas   = max([for topic in values(var.topics) : topic.replicas]...)
  min_insync = max([for topic in values(var.topics) : topic.min_insync]...)
  retention  = min([for topic in values(var.topics) : topic.retention_seconds]...)

  # What AWS recommends for a broker of its size, less what Kafka keeps positions in (50 partitions, each on three brokers).
  replica_count_max = (startswith(var.size.instance_type, "kafka.t3.") ? 300 : 1000) * var.size.brokers - 150
  replica_count     = sum([for topic in values(var.topics) : topic.partitions * topic.replicas])
}

resource "aws_cloudwatch_log_group" "brokers" {
  name              = "/${var.name}/kafka-brokers"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_key_arn
}

resource "aws_msk_configuration" "this" {
  name           = var.name
  description    = "No topic comes into being by a typing mistake; no write is lost with a broker."
  kafka_versions = ["3.9.x"]
  server_properties = join("\n", [
    "auto.create.topics.enable=false",
    "default.replication.factor=${local.replicas}",
    "min.insync.replicas=${local.min_insync}",
    "unclean.leader.election.enable=false",
    "log.retention.ms=${local.retention * 1000}",
    # Inboxes remember what they have taken twice as long as the log keeps it; so do consumers' positions.
    "offsets.retention.minutes=${local.retention * 2 / 60}",
  ])

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_msk_cluster" "this" {
  cluster_name           = var.name
  kafka_version          = "3.9.x"
  number_of_broker_nodes = var.size.brokers
  enhanced_monitoring    = "PER_TOPIC_PER_BROKER"

  broker_node_group_info {
    instance_type   = var.size.instance_type
    client_subnets  = var.subnet_ids
    security_groups = [var.security_group_id]

    storage_info {
      ebs_storage_info {
        volume_size = var.size.storage_gb
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this.arn
    revision = aws_msk_configuration.this.latest_revision
  }

  # Lambda's pollers sign in with IAM, publisher and gateway with SCRAM.
  client_authentication {
    unauthenticated = false

    sasl {
      iam   = true
      scram = true
    }
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = var.key_arn

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  open_monitoring {
    prometheus {
      jmx_exporter {
        enabled_in_broker = false
      }

      node_exporter {
        enabled_in_broker = false
      }
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.brokers.name
      }
    }
  }

  lifecycle {
    # Storage grows by itself, below.
    ignore_changes = [broker_node_group_info[0].storage_info]

    precondition {
      condition     = local.replica_count <= local.replica_count_max
      error_message = "The topics have ${local.replica_count} replicas of partitions, more than ${local.replica_count_max}."
    }

    precondition {
      condition     = local.replicas <= var.size.brokers
      error_message = "A topic wants ${local.replicas} replicas and there are ${var.size.brokers} brokers."
    }
  }
}

resource "aws_msk_scram_secret_association" "this" {
  count = var.are_secrets_filled ? 1 : 0

  cluster_arn     = aws_msk_cluster.this.arn
  secret_arn_list = values(var.scram_secret_arns)
}

# MSK reads the secrets itself; nothing else of it may.
resource "aws_secretsmanager_secret_policy" "scram" {
  for_each = var.scram_secret_arns

  secret_arn = each.value
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "BrokersCheckPasswords"
      Effect    = "Allow"
      Principal = { Service = "kafka.amazonaws.com" }
      Action    = "secretsmanager:GetSecretValue"
      Resource  = each.value
    }]
  })
}

resource "aws_appautoscaling_target" "storage" {
  service_namespace  = "kafka"
  resource_id        = aws_msk_cluster.this.arn
  scalable_dimension = "kafka:broker-storage:VolumeSize"
  min_capacity       = 1
  max_capacity       = var.size.storage_gb_max
}

resource "aws_appautoscaling_policy" "storage" {
  name               = "${var.name}-kafka-storage"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.storage.service_namespace
  resource_id        = aws_appautoscaling_target.storage.resource_id
  scalable_dimension = aws_appautoscaling_target.storage.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = 60
    # MSK's storage never shrinks.
    disable_scale_in = true

    predefined_metric_specification {
      predefined_metric_type = "KafkaBrokerStorageUtilization"
    }
  }
}
