variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string
}

variable "subnet_ids" {
  description = "The database subnets, one in each zone."
  type        = list(string)
}

variable "security_group_id" {
  description = "Group of instances and proxy."
  type        = string
}

variable "key_arn" {
  description = "KMS key of storage, backups and replicas."
  type        = string
}

variable "secrets_key_arn" {
  description = "KMS key of the secrets that the proxy reads."
  type        = string
}

variable "replica_key_arn" {
  description = "KMS key of the backups in the other region."
  type        = string
}

variable "role_secret_arns" {
  description = "By login role: the secret with its password."
  type        = map(string)
}

variable "size" {
  description = "Instance class, storage in GB now and at most, Multi-AZ, days of backups, read replicas by what they serve."
  type = object({
    instance_class         = string
    storage_gb             = number
    storage_gb_max         = number
    is_multi_az            = bool
    backup_days            = number
    replica_instance_class = string
    replicas               = set(string)
    has_regional_backups   = bool
  })

  validation {
    condition     = var.size.storage_gb_max >= var.size.storage_gb
    error_message = "Storage grows; it never shrinks."
  }

  validation {
    condition     = var.size.backup_days >= 1 && var.size.backup_days <= 35
    error_message = "RDS keeps backups 1 to 35 days; without any there is no point-in-time recovery."
  }
}

variable "log_retention_days" {
  description = "How long PostgreSQL's log is kept."
  type        = number
}

variable "logs_key_arn" {
  description = "KMS key of the logs."
  type        = string
}
