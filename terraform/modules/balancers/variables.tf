variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string

  validation {
    condition     = length(var.name) <= 23
    error_message = "A balancer's name has at most 32 characters, -internal included."
  }
}

variable "domain_name" {
  description = "Where people reach the hub."
  type        = string
}

variable "zone_id" {
  description = "The public zone that the domain belongs to."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "public_subnet_ids" {
  description = "Where the public balancer stands."
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "Where the internal balancer stands."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Groups of the two balancers."
  type = object({
    public   = string
    internal = string
  })
}

variable "certificate_arn" {
  description = "For the hub's name and all names before it."
  type        = string
}

variable "web_acl_arn" {
  description = "The firewall before the public balancer."
  type        = string
}

variable "logs_bucket_name" {
  description = "Where access logs go."
  type        = string
}
