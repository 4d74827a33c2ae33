variable "name" {
  description = "The cluster's name, e.g. learning-hub-prod."
  type        = string
}

variable "stage" {
  description = "Part of the names of secrets."
  type        = string
}

variable "account_id" {
  description = "The account."
  type        = string
}

variable "region" {
  description = "Where the cluster stands."
  type        = string
}

variable "kubernetes_version" {
  description = "A version in standard support."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version)) && tonumber(split(".", var.kubernetes_version)[1]) >= 28
    error_message = "Kubernetes is 1.28 or later, written like 1.35."
  }
}

variable "service_cidr" {
  description = "Addresses of services. The first belongs to the API itself, so 10.100.0.1 must not be the first."
  type        = string
  default     = "10.96.0.0/12"

  validation {
    condition     = can(cidrhost(var.service_cidr, 1)) && cidrhost(var.service_cidr, 1) != "10.100.0.1"
    error_message = "Kubernetes takes the first address of the range for itself, and 10.100.0.1 is the gateway's."
  }
}

variable "subnet_ids" {
  description = "The private subnets, one in each zone."
  type        = list(string)
}

variable "security_group_id" {
  description = "Group of nodes, pods and the control plane's interfaces."
  type        = string
}

variable "secrets_key_arn" {
  description = "KMS key of Kubernetes' secrets, and of the secrets that pods are given."
  type        = string
}

variable "disks_key_arn" {
  description = "KMS key of the nodes' disks."
  type        = string
}

variable "administrator_role_arns" {
  description = "Roles that administer the cluster: people's, and the pipeline's."
  type        = set(string)

  validation {
    condition     = alltrue([for arn in var.administrator_role_arns : can(regex("^arn:aws:iam::[0-9]{12}:role/", arn))])
    error_message = "Administrators are roles of IAM."
  }
}

variable "node_groups" {
  description = "Groups of nodes by name: instance types, how many, and whether they only take what tolerates `dedicated`."
  type = map(object({
    instance_types = list(string)
    nodes_min      = number
    nodes_max      = number
    disk_gb        = number
    is_dedicated   = bool
  }))

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.nodes_max >= group.nodes_min])
    error_message = "A group has at least as many nodes at most as at least."
  }

  validation {
    condition     = anytrue([for group in values(var.node_groups) : !group.is_dedicated])
    error_message = "Some group takes everything, else the cluster's own pods find no place."
  }
}

variable "log_retention_days" {
  description = "How long the control plane's logs are kept."
  type        = number
}

variable "logs_key_arn" {
  description = "KMS key of the logs, and of the topic of alarms."
  type        = string
}
