variable "bucket_prefix" {
  description = "Buckets are <prefix>-static and so on; names are unique in all of AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,40}$", var.bucket_prefix))
    error_message = "A prefix is lower-case letters, digits and hyphens."
  }
}

variable "name" {
  description = "Prefix of other names, e.g. learning-hub-prod."
  type        = string
}

variable "account_id" {
  description = "The account, which alone may deliver logs here."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the objects."
  type        = string
}

variable "replica_key_arn" {
  description = "KMS key of the copies in the other region."
  type        = string
}

variable "distribution_arns" {
  description = "CloudFront's distributions, which alone read static and media."
  type = object({
    static = string
    media  = string
  })
}

variable "upload_origins" {
  description = "Origins whose pages upload straight into the media bucket."
  type        = list(string)

  validation {
    condition     = length(var.upload_origins) > 0 && alltrue([for origin in var.upload_origins : can(regex("^https://[^*/]+$", origin))])
    error_message = "Origins are https://host, without a wildcard or a path."
  }
}
