variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string
}

variable "stage" {
  description = "Part of every secret's name, as serverless.yml spells it."
  type        = string
}

variable "account_id" {
  description = "The account, whose administrators keep the keys."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account is twelve digits."
  }
}

variable "region" {
  description = "Where the keys live."
  type        = string
}

variable "database_roles" {
  description = "Login roles of PostgreSQL that come through the proxy, which needs a secret for each."
  type        = set(string)

  validation {
    condition     = alltrue([for role in var.database_roles : can(regex("^hub_[a-z_]+$", role))])
    error_message = "A service's role is hub_<service>."
  }
}

variable "kafka_users" {
  description = "Who signs in to Kafka with SCRAM."
  type        = set(string)
}

variable "recovery_window_days" {
  description = "How long a deleted secret can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_window_days >= 7 && var.recovery_window_days <= 30
    error_message = "Secrets Manager keeps deleted secrets 7 to 30 days."
  }
}
