variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "A name is lower-case letters, digits and hyphens, 3 to 31 characters."
  }
}

variable "cidr" {
  description = "The network's addresses."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "The network is a /16."
  }
}

variable "zones" {
  description = "Three availability zones; subnets stand in this order."
  type        = list(string)

  validation {
    condition     = length(var.zones) == 3 && length(distinct(var.zones)) == 3
    error_message = "There are exactly three different zones."
  }
}

variable "subnet_cidrs" {
  description = "One subnet of each tier in each zone."
  type = object({
    public   = list(string)
    private  = list(string)
    database = list(string)
  })
  default = {
    public   = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
    private  = ["10.0.10.0/24", "10.0.20.0/24", "10.0.30.0/24"]
    database = ["10.0.40.0/24", "10.0.50.0/24", "10.0.60.0/24"]
  }

  validation {
    condition     = alltrue([for tier in values(var.subnet_cidrs) : length(tier) == 3])
    error_message = "Every tier has a subnet in each of the three zones."
  }

  validation {
    condition     = alltrue([for cidr in flatten(values(var.subnet_cidrs)) : can(cidrhost(cidr, 0)) && endswith(cidr, "/24")])
    error_message = "Subnets are /24."
  }
}

variable "nat_gateways" {
  description = "3: a zone that fails takes no other with it. 1: cheaper, for stages that may go down."
  type        = number

  validation {
    condition     = contains([1, 3], var.nat_gateways)
    error_message = "There is one NAT gateway, or one in each of the three zones."
  }
}

variable "log_retention_days" {
  description = "How long flow logs are kept."
  type        = number
}

variable "logs_key_arn" {
  description = "KMS key of the flow logs."
  type        = string
}
