variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string
}

variable "domain_name" {
  description = "Where people reach the hub; static., media. and internal. stand before it."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "A domain name is lower-case labels with dots between."
  }
}

variable "zone_id" {
  description = "The public zone that the domain belongs to."
  type        = string
}

variable "bucket_domain_names" {
  description = "Origins of the two distributions."
  type = object({
    static = string
    media  = string
  })
}

variable "logs_bucket_arn" {
  description = "Where CloudFront's logs go."
  type        = string
}

variable "playback_public_key" {
  description = "PEM of the RSA key that playback addresses are signed with."
  type        = string

  validation {
    condition     = startswith(var.playback_public_key, "-----BEGIN PUBLIC KEY-----")
    error_message = "The key is a PEM: -----BEGIN PUBLIC KEY-----."
  }
}

variable "player_origins" {
  description = "Origins whose pages play media."
  type        = list(string)
}

variable "blocked_countries" {
  description = "ISO 3166 codes of countries that are not served."
  type        = list(string)

  validation {
    condition     = length(var.blocked_countries) > 0 && alltrue([for code in var.blocked_countries : can(regex("^[A-Z]{2}$", code))])
    error_message = "Countries are two capital letters, and there is at least one."
  }
}

variable "rate_limit" {
  description = "Requests of one address in five minutes; above it the address is refused."
  type        = number

  validation {
    condition     = var.rate_limit >= 100 && var.rate_limit <= 100000
    error_message = "The limit is 100 to 100,000 requests in five minutes."
  }
}

variable "price_class" {
  description = "Which of CloudFront's edges serve."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "It is PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "log_retention_days" {
  description = "How long the firewall's logs are kept."
  type        = number
}

variable "logs_key_arn" {
  description = "KMS key of the firewall's logs."
  type        = string
}
