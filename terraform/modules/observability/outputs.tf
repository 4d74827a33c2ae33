output "alarm_topic_arn" {
  description = "Where every alarm is published."
  value       = aws_sns_topic.alarms.arn
}

output "alarm_names" {
  description = "All alarms: a deployment watches those of the services that it changes."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
}
