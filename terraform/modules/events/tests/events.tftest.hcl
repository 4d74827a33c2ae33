variables {
  name               = "learning-hub-test"
  subnet_ids         = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id  = "sg-msk"
  key_arn            = "arn:aws:kms:us-east-1:123456789012:key/events"
  logs_key_arn       = "arn:aws:kms:us-east-1:123456789012:key/logs"
  log_retention_days = 30
  are_secrets_filled = true
  scram_secret_arns  = { publisher = "arn:aws:secretsmanager:us-east-1:123456789012:secret:AmazonMSK_publisher" }
  size               = { instance_type = "kafka.t3.small", brokers = 3, storage_gb = 10, storage_gb_max = 20 }
  topics = {
    "hub.course.v1"  = { partitions = 12, replicas = 3, min_insync = 2, retention_seconds = 604800 }
    "hub.course.dlq" = { partitions = 1, replicas = 3, min_insync = 2, retention_seconds = 2592000 }
  }
}

run "gives_unknown_topics_the_shortest_retention" {
  command = plan

  assert {
    condition     = strcontains(aws_msk_configuration.this.server_properties, "log.retention.ms=604800000")
    error_message = "The cluster's default is the shortest of the topics'."
  }

  assert {
    condition     = strcontains(aws_msk_configuration.this.server_properties, "offsets.retention.minutes=20160")
    error_message = "Positions are remembered twice as long as the log keeps an event."
  }
}

run "waits_for_secrets_at_the_first_apply" {
  command = plan

  variables {
    are_secrets_filled = false
  }

  assert {
    condition     = length(aws_msk_scram_secret_association.this) == 0
    error_message = "MSK takes no secret without a value."
  }
}

run "refuses_a_topic_that_stops_with_one_broker" {
  command = plan

  variables {
    topics = { "hub.course.v1" = { partitions = 12, replicas = 3, min_insync = 3, retention_seconds = 604800 } }
  }

  expect_failures = [var.topics]
}

run "takes_what_small_brokers_carry" {
  command = plan

  variables {
    topics = { "hub.course.v1" = { partitions = 250, replicas = 3, min_insync = 2, retention_seconds = 604800 } }
  }
}

run "refuses_more_partitions_than_the_brokers_carry" {
  command = plan

  variables {
    topics = { "hub.course.v1" = { partitions = 251, replicas = 3, min_insync = 2, retention_seconds = 604800 } }
  }

  expect_failures = [aws_msk_cluster.this]
}

run "refuses_brokers_in_two_zones" {
  command = plan

  variables {
    size = { instance_type = "kafka.t3.small", brokers = 2, storage_gb = 10, storage_gb_max = 20 }
  }

  expect_failures = [var.size]
}
