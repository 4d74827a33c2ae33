variable "name" {
  description = "Prefix of every role, e.g. learning-hub-prod."
  type        = string
}

variable "account_id" {
  description = "The account."
  type        = string
}

variable "region" {
  description = "Where the functions run."
  type        = string
}

variable "media_bucket_arn" {
  description = "Uploads, renditions and certificates, each under its own prefix."
  type        = string
}

variable "storage_key_arn" {
  description = "KMS key of the bucket."
  type        = string
}

variable "msk_cluster_uuid" {
  description = "Stands in the ARNs of topics and groups."
  type        = string
}

variable "msk_cluster_arn" {
  description = "The cluster whose topics functions consume."
  type        = string
}
