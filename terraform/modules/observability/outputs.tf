output "alarm_topic_arn" {
  description = "Where every alarm is published."
  value       = aws_sns_topic.alarms.arn
}

output "alarm_names" {
  description = "All alarms: a deployment watches those of the services that it changes."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
}

output "alertmanager_configuration" {
  description = "What the pods' Alertmanager is configured with: it sends to the same topic."
  value       = templatefile("${path.module}/alertmanager.yaml.tftpl", { topic_arn = aws_sns_topic.alarms.arn, region = var.region })
}
