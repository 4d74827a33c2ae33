variables {
  name                      = "learning-hub-test"
  stage                     = "test"
  account_id                = "123456789012"
  region                    = "us-east-1"
  pods                      = ["api-gateway"]
  alert_address             = "ops@example.org"
  trace_share               = 0.05
  log_retention_days        = 30
  logs_key_arn              = "arn:aws:kms:us-east-1:123456789012:key/logs"
  proxy_connections_percent = 75
  balancers                 = { public = "app/public/1", internal = "app/internal/2" }
  sizes = {
    database = { instance_class = "db.r5.xlarge", replica_instance_class = "db.r5.xlarge", replicas = ["analytics"] }
    cache    = { shards = 3, replicas = 2 }
    events   = { brokers = 3 }
  }
}

run "tells_of_every_alarm_and_of_its_end" {
  command = apply

  assert {
    condition = alltrue([for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && alarm.ok_actions == toset([aws_sns_topic.alarms.arn])
    ])
    error_message = "An alarm that nobody hears is none."
  }

  assert {
    condition     = output.alarm_names == sort(output.alarm_names) && length(output.alarm_names) > 50
    error_message = "Alarms are missing."
  }
}

run "counts_all_connections_from_the_proxys_share" {
  command = apply

  assert {
    condition = anytrue([for query in aws_cloudwatch_metric_alarm.this["database-connections"].metric_query :
      try(endswith(query.expression, "/ 75)"), false)
    ])
    error_message = "The alarm takes another share for the proxy's than the database module gives it."
  }
}

run "watches_each_node_of_a_smaller_stage" {
  command = apply

  variables {
    sizes = {
      database = { instance_class = "db.t4g.medium", replica_instance_class = "db.t4g.medium", replicas = [] }
      cache    = { shards = 1, replicas = 1 }
      events   = { brokers = 2 }
    }
  }

  assert {
    condition     = length([for name in output.alarm_names : name if length(regexall("-(cache-cpu|events-cpu|database-cpu)", name)) > 0]) == 4
    error_message = "One shard, two brokers and one database."
  }
}

run "refuses_a_class_whose_memory_it_does_not_know" {
  command = plan

  variables {
    sizes = {
      database = { instance_class = "db.x2g.large", replica_instance_class = "db.r5.xlarge", replicas = [] }
      cache    = { shards = 1, replicas = 1 }
      events   = { brokers = 2 }
    }
  }

  expect_failures = [var.sizes]
}
