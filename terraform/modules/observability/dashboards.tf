# One dashboard for each who looks: operations, whoever owns a service, whoever wants to know how learning goes. Rows of equal
# widgets, written as data. They are paid for: those that are free hold fifty metrics at most.
locals {
  columns     = 24
  row_height  = 6
  hour        = 3600
  all_minutes = { region = var.region, view = "timeSeries", period = local.period_seconds }

  ours = { for name, service in {
    outbox_wait = "OutboxOldestWait", published = "EventsPublished", enrolments = "Enrolments", completions = "Completions"
    transcodes  = "Transcodes", transcodes_failed = "TranscodesFailed", certificates = "Certificates"
  } : name => [local.metrics_namespace, service, "service", "outbox-publisher"] }

  dashboards = {
    operations = concat(
      [
        [for title, alarms in { "Data stores" = local.data_alarms, "Requests, functions, events, workflows" = local.function_alarms } : {
          type                                = "alarm"
          properties                          = { title = title, alarms = sort([for name in keys(alarms) : aws_cloudwatch_metric_alarm.this[name].arn]) }
        }],
      ],
      [for row in local.operations_rows : [for widget in row : { type = "metric", properties = merge(local.all_minutes, widget) }]],
    )
    services = [for row in local.services_rows : [for widget in row : { type = "metric", properties = merge(local.all_minutes, widget) }]]
    business = [for row in local.business_rows : [for widget in row : { type = "metric", properties = merge(local.all_minutes, widget) }]]
  }

  operations_rows = [
    [
      { title = "Requests a minute", stat = "Sum", metrics = [["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.balancers.public]] },
      { title = "Failed on our side", stat = "Sum", metrics = [
        for name in ["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"] : ["AWS/ApplicationELB", name, "LoadBalancer", var.balancers.public]
      ] },
      { title = "Answered after, s", metrics = [
        for stat in ["p50", "p99"] : ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.balancers.public, { stat = stat, label = stat }]
      ] },
    ],
    [
      { title = "Oldest unpublished event, s", stat = "Maximum", metrics = [local.ours.outbox_wait] },
      { title = "Events published a minute", stat = "Sum", metrics = [local.ours.published] },
      { title = "Consumers behind, s", stat = "Maximum", metrics = concat([for service in local.consumers : [
        for followed in service.subscriptions : ["AWS/Kafka", "EstimatedMaxTimeLag", "Cluster Name", var.name, "Consumer Group", followed.consumer_group, "Topic", followed.topic]
      ]]...) },
      { title = "Events parked", stat = "Sum", metrics = [for name in keys(local.consumers) : [local.metrics_namespace, "EventsParked", "service", name]] },
    ],
    [
      { title = "Functions running", stat = "Maximum", metrics = [["AWS/Lambda", "ConcurrentExecutions"]] },
      { title = "Calls refused", stat = "Sum", metrics = [["AWS/Lambda", "Throttles"]] },
      { title = "Workflows begun and done", stat = "Sum", metrics = concat([for arn in values(local.machine_arns) : [
        for name in ["ExecutionsStarted", "ExecutionsSucceeded"] : ["AWS/States", name, "StateMachineArn", arn]
      ]]...) },
      { title = "Workflows failed", stat = "Sum", metrics = concat([for arn in values(local.machine_arns) : [
        for name in ["ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"] : ["AWS/States", name, "StateMachineArn", arn]
      ]]...) },
    ],
    [
      { title = "Databases: CPU, %", stat = "Average", metrics = [for database in values(local.databases) : ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", database.identifier]] },
      { title = "Databases: free memory, bytes", stat = "Average", metrics = [for database in values(local.databases) : ["AWS/RDS", "FreeableMemory", "DBInstanceIdentifier", database.identifier]] },
      { title = "Proxy: connections open, allowed, pinned", stat = "Sum", metrics = [for metric in values(local.proxy_metrics) : ["AWS/RDS", metric.name, "ProxyName", var.name]] },
      { title = "Replicas behind, s", stat = "Maximum", metrics = [for database in values(local.databases) : ["AWS/RDS", "ReplicaLag", "DBInstanceIdentifier", database.identifier] if database.identifier != var.name] },
    ],
    [
      { title = "Redis: CPU, %", stat = "Maximum", metrics = [for node in flatten(values(local.shards)) : ["AWS/ElastiCache", "EngineCPUUtilization", "CacheClusterId", node]] },
      { title = "Redis: memory, %", stat = "Maximum", metrics = [for node in flatten(values(local.shards)) : ["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "CacheClusterId", node]] },
      { title = "Kafka: CPU of users, %", stat = "Average", metrics = [for broker in local.brokers : ["AWS/Kafka", "CpuUser", "Cluster Name", var.name, "Broker ID", broker]] },
      { title = "Kafka: disk, %", stat = "Maximum", metrics = [for broker in local.brokers : ["AWS/Kafka", "KafkaDataLogsDiskUsed", "Cluster Name", var.name, "Broker ID", broker]] },
    ],
    [
      { title = "Search: CPU and heap, %", stat = "Maximum", metrics = [for name in ["CPUUtilization", "JVMMemoryPressure"] : ["AWS/ES", name, "DomainName", var.name, "ClientId", var.account_id]] },
      { title = "Nodes: CPU and memory, %", stat = "Maximum", metrics = [for name in ["node_cpu_utilization", "node_memory_utilization"] : ["ContainerInsights", name, "ClusterName", var.name]] },
    ],
  ]

  # Two rows for each service, with the functions of its workflow.
  functions_of_service = { for name, service in local.stack.services : name => concat(service.functions, lookup(local.workflow_functions, name, [])) }
  # A workflow is a door of its service.
  workflow_functions = { for name, functions in local.stack.workflows : (contains(keys(local.stack.services), name) ? name : split("-", name)[0]) => functions }

  services_rows = concat([for name, service in local.stack.services : [
    [
      { title = "${name}: calls a minute", stat = "Sum", metrics = [for each in local.functions_of_service[name] : ["AWS/Lambda", "Invocations", "FunctionName", "${var.name}-${each}"]] },
      { title = "${name}: failed", stat = "Sum", metrics = concat(
        [for each in local.functions_of_service[name] : ["AWS/Lambda", "Errors", "FunctionName", "${var.name}-${each}"]],
        [for _ in range(service.has_http ? 1 : 0) : [local.metrics_namespace, "Status5xx", "service", name]],
      ) },
      { title = "${name}: took, ms (p99)", stat = "p99", metrics = [for each in local.functions_of_service[name] : ["AWS/Lambda", "Duration", "FunctionName", "${var.name}-${each}"]] },
    ],
    concat(
      [{ title = "${name}: running, refused", metrics = concat(
        [for each in local.functions_of_service[name] : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", "${var.name}-${each}", { stat = "Maximum" }]],
        [for each in local.functions_of_service[name] : ["AWS/Lambda", "Throttles", "FunctionName", "${var.name}-${each}", { stat = "Sum" }]],
      ) }],
      [for _ in range(length(service.subscriptions) == 0 ? 0 : 1) :
        { title = "${name}: events handled, parked", stat = "Sum", metrics = [for metric in ["EventsHandled", "EventsParked"] : [local.metrics_namespace, metric, "service", name]] }
      ],
      [for _ in range(length(service.subscriptions) == 0 ? 0 : 1) :
        { title = "${name}: behind, s", stat = "Maximum", metrics = [
          for followed in service.subscriptions : ["AWS/Kafka", "EstimatedMaxTimeLag", "Cluster Name", var.name, "Consumer Group", followed.consumer_group, "Topic", followed.topic]
        ] }
      ],
    ),
  ]]...)

  business_rows = concat(
    [[for title, name in { "Enrolments" = "enrolments", "Courses completed" = "completions", "Videos made ready" = "transcodes", "Certificates" = "certificates" } :
      { title = title, view = "singleValue", sparkline = true, stat = "Sum", period = 86400, metrics = [local.ours[name]] }
    ]],
    [
      [
        { title = "Enrolments and completions an hour", stat = "Sum", period = local.hour, metrics = [local.ours.enrolments, local.ours.completions] },
        { title = "Certificates an hour", stat = "Sum", period = local.hour, metrics = [local.ours.certificates] },
        { title = "Videos ready and failed an hour", stat = "Sum", period = local.hour, metrics = [local.ours.transcodes, local.ours.transcodes_failed] },
      ],
    ],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  for_each = local.dashboards

  dashboard_name = "${var.name}-${each.key}"
  dashboard_body = jsonencode({
    start = "-PT6H"
    widgets = flatten([for y, row in each.value : [for x, widget in row : merge(widget, {
      x      = x * floor(local.columns / length(row))
      y      = y * local.row_height
      width  = floor(local.columns / length(row))
      height = local.row_height
    })]])
  })
}
