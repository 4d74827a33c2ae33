variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string

  validation {
    condition     = length(var.name) <= 28
    error_message = "A domain's name has at most 28 characters."
  }
}

variable "account_id" {
  description = "The account, which alone may write these logs."
  type        = string
}

variable "region" {
  description = "Where the domain stands."
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

variable "client_role_arns" {
  description = "Who may read and write indices."
  type        = list(string)
}

variable "size" {
  description = "Instance type and number of data nodes and of dedicated masters (0 for none), storage of each data node in GB."
  type = object({
    instance_type        = string
    instances            = number
    master_instance_type = string
    masters              = number
    storage_gb           = number
  })

  validation {
    condition     = var.size.instances % 3 == 0
    error_message = "There are as many data nodes in each of the three zones."
  }

  validation {
    condition     = contains([0, 3, 5], var.size.masters)
    error_message = "Masters vote: there are none, three or five."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
}

variable "logs_key_arn" {
  description = "KMS key of the logs."
  type        = string
}
