variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string
}

variable "stage" {
  description = "Part of the pods' log groups."
  type        = string
}

variable "pods" {
  description = "The pods, which each log to a group of their own."
  type        = set(string)
}

variable "alert_address" {
  description = "Mail address that alarms go to."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alert_address))
    error_message = "Alarms go to a mail address."
  }
}

variable "trace_share" {
  description = "Share of requests that are traced, beyond the first of each second."
  type        = number

  validation {
    condition     = var.trace_share >= 0 && var.trace_share <= 1
    error_message = "A share is 0 to 1."
  }
}

variable "log_retention_days" {
  description = "How long pods' logs are kept."
  type        = number

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_retention_days)
    error_message = "CloudWatch keeps logs for certain numbers of days only, such as 7, 14, 30, 60, 90."
  }
}

variable "logs_key_arn" {
  description = "KMS key of logs and alarms."
  type        = string
}

variable "account_id" {
  description = "The account, whose services publish alarms."
  type        = string
}

variable "region" {
  description = "Where everything that is watched runs."
  type        = string
}

variable "balancers" {
  description = "The balancers as CloudWatch names them: the suffixes of their ARNs."
  type = object({
    public   = string
    internal = string
  })
}

variable "proxy_connections_percent" {
  description = "Share of the database's connections that the proxy may take, as the database module sets it."
  type        = number
}

variable "sizes" {
  description = "Of the stage's sizes, what there is to watch."
  type = object({
    database = object({ instance_class = string, replica_instance_class = string, replicas = set(string) })
    cache    = object({ shards = number, replicas = number })
    events   = object({ brokers = number })
  })

  validation {
    condition = alltrue([
      for class in [var.sizes.database.instance_class, var.sizes.database.replica_instance_class] : contains(keys(local.memory_gib), class)
    ])
    error_message = "The memory of this instance class is not known; add it to memory_gib in alarms-data.tf."
  }
}
