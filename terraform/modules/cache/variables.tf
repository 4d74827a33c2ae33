variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string
}

variable "subnet_ids" {
  description = "The private subnets, one in each zone."
  type        = list(string)
}

variable "security_group_id" {
  description = "Group of the nodes."
  type        = string
}

variable "key_arn" {
  description = "KMS key at rest."
  type        = string
}

variable "size" {
  description = "Node type, shards, replicas of each shard, days of snapshots."
  type = object({
    node_type     = string
    shards        = number
    replicas      = number
    snapshot_days = number
  })

  validation {
    condition     = var.size.shards >= 1 && var.size.replicas >= 1 && var.size.replicas <= 5
    error_message = "A shard has one to five replicas: without one it can not fail over."
  }
}

variable "log_retention_days" {
  description = "How long the slow log is kept."
  type        = number
}

variable "logs_key_arn" {
  description = "KMS key of the logs."
  type        = string
}
