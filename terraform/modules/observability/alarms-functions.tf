# What works: requests, functions, events and workflows.
locals {
  error_percent_max  = 1
  outbox_seconds_max = 300
  lag_seconds_max    = 300

  functions_of = merge(
    { for name, service in local.stack.services : name => service.functions },
    { for name, functions in local.stack.workflows : "${name}-workflow" => functions },
  )

  lambda_metrics = { for metric in ["Invocations", "Errors", "Throttles"] : metric => {
    for room, functions in local.functions_of : room => [for each in functions : {
      namespace = "AWS/Lambda", name = metric, stat = "Sum", dimensions = { FunctionName = "${var.name}-${each}" }
    }]
  } }

  machine_arns = { for name in keys(local.stack.workflows) :
    name => "arn:aws:states:${var.region}:${var.account_id}:stateMachine:${var.name}-${name}"
  }

  function_alarms = merge(
    {
      "balancer-errors" = {
        kind        = "balancer-errors"
        meaning     = "More than ${local.error_percent_max} % of all requests have failed on our side, for five minutes."
        threshold   = local.error_percent_max
        bad_minutes = local.periods
        # Nobody asks, nothing fails.
        silence    = "notBreaching"
        expression = "100 * (FILL(gateway, 0) + FILL(balancer, 0)) / requests"
        metrics = { for id, name in {
          gateway  = "HTTPCode_Target_5XX_Count"
          balancer = "HTTPCode_ELB_5XX_Count"
          requests = "RequestCount"
        } : id => { namespace = "AWS/ApplicationELB", name = name, stat = "Sum", dimensions = { LoadBalancer = var.balancers.public } } }
      }
      "outbox-wait" = {
        kind        = "outbox-wait"
        meaning     = "An event has waited for more than ${local.outbox_seconds_max} s to be published, or nobody has looked."
        threshold   = local.outbox_seconds_max
        bad_minutes = local.periods
        # The publisher tells it every minute; when it is silent, nothing is published at all.
        silence    = "breaching"
        expression = null
        metrics    = { wait = { namespace = local.metrics_namespace, name = "OutboxOldestWait", stat = "Maximum", dimensions = { service = "outbox-publisher" } } }
      }
    },
    { for name, service in local.stack.services : "errors-${name}" => {
      kind        = "errors"
      meaning     = "More than ${local.error_percent_max} % of the calls of ${name} have failed, for five minutes."
      threshold   = local.error_percent_max
      bad_minutes = local.periods
      silence     = "notBreaching"
      # An answer of 500 or more is no failure to Lambda, so the service counts these itself.
      expression = "100 * (SUM([${join(", ", [for index, _ in service.functions : "errors${index}"])}])${service.has_http ? " + FILL(answers, 0)" : ""}) / SUM([${join(", ", [for index, _ in service.functions : "calls${index}"])}])"
      metrics = merge(
        { for index, metric in local.lambda_metrics.Errors[name] : "errors${index}" => metric },
        { for index, metric in local.lambda_metrics.Invocations[name] : "calls${index}" => metric },
        service.has_http ? { answers = { namespace = local.metrics_namespace, name = "Status5xx", stat = "Sum", dimensions = { service = name } } } : {},
      )
    } },
    { for room, metrics in local.lambda_metrics.Throttles : "throttles-${room}" => {
      kind        = "throttles"
      meaning     = "Calls of ${room} have been refused in each of five minutes, because too many ran at once."
      threshold   = 0
      bad_minutes = local.periods
      silence     = "notBreaching"
      expression  = "SUM(METRICS())"
      metrics     = { for index, metric in metrics : "throttles${index}" => metric }
    } },
    { for name, service in local.consumers : "lag-${name}" => {
      kind        = "lag"
      meaning     = "${name} has been more than ${local.lag_seconds_max} s behind on a topic, for five minutes."
      threshold   = local.lag_seconds_max
      bad_minutes = local.periods
      # A group that has read nothing yet has no lag.
      silence    = "notBreaching"
      expression = "MAX(METRICS())"
      metrics = { for index, followed in service.subscriptions : "topic${index}" => {
        namespace  = "AWS/Kafka", name = "EstimatedMaxTimeLag", stat = "Maximum"
        dimensions = { "Cluster Name" = var.name, "Consumer Group" = followed.consumer_group, Topic = followed.topic }
      } }
    } },
    { for name, service in local.consumers : "dead-letters-${name}" => {
      kind        = "dead-letters"
      meaning     = "${name} has parked an event that it could not digest."
      threshold   = 0
      bad_minutes = 1
      silence     = "notBreaching"
      expression  = null
      metrics     = { parked = { namespace = local.metrics_namespace, name = "EventsParked", stat = "Sum", dimensions = { service = name } } }
    } },
    { for name, arn in local.machine_arns : "workflow-failures-${name}" => {
      kind        = "workflow-failures"
      meaning     = "An execution of ${name} has failed, run out of time or been aborted."
      threshold   = 0
      bad_minutes = 1
      silence     = "notBreaching"
      expression  = "SUM(METRICS())"
      metrics = { for id, metric in { failed = "ExecutionsFailed", late = "ExecutionsTimedOut", aborted = "ExecutionsAborted" } :
        id => { namespace = "AWS/States", name = metric, stat = "Sum", dimensions = { StateMachineArn = arn } }
      }
    } },
  )
}
