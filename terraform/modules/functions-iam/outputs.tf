output "role_arns" {
  description = "By group of functions: services, media, playback, video, certificates, notification, publisher."
  value       = { for group, role in aws_iam_role.group : group => role.arn }
}

output "state_machine_role_arn" {
  description = "What the state machines run as."
  value       = aws_iam_role.state_machine.arn
}

output "mediaconvert_role_arn" {
  description = "What MediaConvert reads sources and writes renditions as."
  value       = aws_iam_role.mediaconvert.arn
}

output "shift_role_arn" {
  description = "What CodeDeploy moves the functions' aliases to new versions as."
  value       = aws_iam_role.shift.arn
}
