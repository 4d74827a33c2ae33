output "alarm_topic_arn" {
  description = "Where every alarm is published."
  value       = aws_sns_topic.alarms.arn
}
