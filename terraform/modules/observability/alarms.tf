locals {
  # Written by `npm run terraform:functions` from the stack's own fragments.
  stack     = jsondecode(file("${path.module}/functions.json"))
  consumers = { for name, service in local.stack.services : name => service if length(service.subscriptions) > 0 }

  # A minute is what every source below reports; an alarm speaks when five in a row were bad.
  period_seconds = 60
  periods        = 5

  metrics_namespace = "LearningHub"

  alarms = merge(local.data_alarms, local.function_alarms)
}

# Every alarm has the same shape: metrics by an id, an expression over them (null: there is one metric, and it is the value),
# and what that may be at most.
resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.meaning} What to do: docs/operations/dashboards.md, ${each.value.kind}."
  actions_enabled   = true
  alarm_actions     = [aws_sns_topic.alarms.arn]
  ok_actions        = [aws_sns_topic.alarms.arn]

  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = local.periods
  datapoints_to_alarm = each.value.bad_minutes
  treat_missing_data  = each.value.silence

  dynamic "metric_query" {
    for_each = each.value.expression == null ? [] : [each.value.expression]
    content {
      id          = "value"
      expression  = metric_query.value
      label       = each.key
      return_data = true
    }
  }

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id          = metric_query.key
      return_data = each.value.expression == null

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = local.period_seconds
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(each.value.metrics) <= 10
      error_message = "CloudWatch computes an alarm from ten metrics at most."
    }
  }
}
