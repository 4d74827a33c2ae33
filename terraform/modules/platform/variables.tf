variable "stage" {
  description = "As serverless.yml spells it."
  type        = string

  validation {
    condition     = contains(["staging", "prod"], var.stage)
    error_message = "A stage is staging or prod."
  }
}

variable "account_id" {
  description = "The account of this stage; nothing is applied to another."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account is twelve digits."
  }
}

variable "region" {
  description = "Where everything stands. CloudFront takes certificates and firewalls from us-east-1 only."
  type        = string

  validation {
    condition     = var.region == "us-east-1"
    error_message = "CloudFront's certificate and firewall must be in us-east-1, and share this configuration."
  }
}

variable "replica_region" {
  description = "Where copies of backups stand."
  type        = string

  validation {
    condition     = var.replica_region != "us-east-1"
    error_message = "A copy in the same region is lost with it."
  }
}

variable "zones" {
  description = "Three availability zones of the region."
  type        = list(string)
  default     = ["us-east-1a", "us-east-1b", "us-east-1c"]
}

variable "cidr" {
  description = "The network's addresses."
  type        = string
  default     = "10.0.0.0/16"
}

variable "bucket_prefix" {
  description = "Buckets are <prefix>-static and so on; names are unique in all of AWS."
  type        = string
}

variable "domain_name" {
  description = "Where people reach the hub."
  type        = string
}

variable "zone_name" {
  description = "The public zone of Route 53, made outside of this, that the domain belongs to."
  type        = string
}

variable "alert_address" {
  description = "Mail address that alarms and costs are reported to."
  type        = string
}

variable "mail_from" {
  description = "Who the hub's mails come from: `Name <address>`."
  type        = string

  validation {
    condition     = can(regex("^[^<>]+ <[^@ ]+@[^@ ]+>$", var.mail_from))
    error_message = "It is written `Name <address>`."
  }
}

variable "internal_jwks" {
  description = "Public parts of the keys that the gateway signs internal tokens with: a JSON array of JWKs."
  type        = string

  validation {
    condition     = can([for key in jsondecode(var.internal_jwks) : key.kid]) && try(length(jsondecode(var.internal_jwks)) > 0, false)
    error_message = "It is a JSON array of at least one JWK with a kid."
  }

  validation {
    condition     = try(alltrue([for key in jsondecode(var.internal_jwks) : !can(key.d)]), true)
    error_message = "A private key (d) must never come here."
  }
}

variable "playback_public_key" {
  description = "PEM of the RSA key that playback addresses are signed with."
  type        = string
}

variable "blocked_countries" {
  description = "ISO 3166 codes of countries that are not served."
  type        = list(string)
}

variable "administrator_role_arns" {
  description = "Roles that administer the cluster: people's, and the pipeline's."
  type        = set(string)
}

variable "layers_folder" {
  description = "Where `npm run layers` put its archives: <folder>/<layer>/dist."
  type        = string
}

variable "are_secrets_filled" {
  description = "False at the first apply, before the operation that gives every secret its value."
  type        = bool
}

variable "topics" {
  description = "Generated from the event registry: topics.auto.tfvars.json."
  type = map(object({
    partitions        = number
    replicas          = number
    min_insync        = number
    retention_seconds = number
  }))

  validation {
    condition     = length(var.topics) > 0
    error_message = "There are topics."
  }
}

variable "sizes" {
  description = "How much of everything: sizes.auto.tfvars.json. Each module says and checks what its part means."
  type = object({
    network = object({
      nat_gateways = number
    })
    database = object({
      instance_class         = string
      storage_gb             = number
      storage_gb_max         = number
      is_multi_az            = bool
      backup_days            = number
      replica_instance_class = string
      replicas               = set(string)
      has_regional_backups   = bool
    })
    cache = object({
      node_type     = string
      shards        = number
      replicas      = number
      snapshot_days = number
    })
    events = object({
      instance_type  = string
      brokers        = number
      storage_gb     = number
      storage_gb_max = number
    })
    search = object({
      instance_type        = string
      instances            = number
      master_instance_type = string
      masters              = number
      storage_gb           = number
    })
    cluster = object({
      kubernetes_version = string
      node_groups = map(object({
        instance_types = list(string)
        nodes_min      = number
        nodes_max      = number
        disk_gb        = number
        is_dedicated   = bool
      }))
    })
    edge = object({
      rate_limit  = number
      price_class = string
    })
    observability = object({
      log_retention_days = number
      trace_share        = number
    })
    budget = object({
      monthly_usd = number
      anomaly_usd = number
    })
  })
}
