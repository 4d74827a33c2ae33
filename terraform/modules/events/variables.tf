variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string
}

variable "subnet_ids" {
  description = "The private subnets, one in each zone."
  type        = list(string)
}

variable "security_group_id" {
  description = "Group of the brokers."
  type        = string
}

variable "key_arn" {
  description = "KMS key at rest."
  type        = string
}

variable "size" {
  description = "Instance type, brokers, storage of each in GB now and at most."
  type = object({
    instance_type  = string
    brokers        = number
    storage_gb     = number
    storage_gb_max = number
  })

  validation {
    condition     = var.size.brokers >= 3 && var.size.brokers % 3 == 0
    error_message = "There are as many brokers in each of the three zones, so that topics can have three replicas."
  }

  validation {
    condition     = var.size.storage_gb_max >= var.size.storage_gb
    error_message = "Storage grows; it never shrinks."
  }
}

variable "topics" {
  description = "Every topic, as the event registry knows it (topics.auto.tfvars.json)."
  type = map(object({
    partitions        = number
    replicas          = number
    min_insync        = number
    retention_seconds = number
  }))

  validation {
    condition     = alltrue([for topic in values(var.topics) : topic.min_insync < topic.replicas])
    error_message = "A topic takes writes while one of its replicas is away."
  }
}

variable "scram_secret_arns" {
  description = "By user: the secret that the brokers check SCRAM against."
  type        = map(string)
}

variable "are_secrets_filled" {
  description = "False at the first apply: MSK takes no secret without a value."
  type        = bool
}

variable "log_retention_days" {
  description = "How long brokers' logs are kept."
  type        = number
}

variable "logs_key_arn" {
  description = "KMS key of the logs."
  type        = string
}
