# What a stage is told, by its files and by whoever applies it; modules/platform says and checks what each is.
variable "stage" {
  description = "As serverless.yml spells it."
  type        = string
}

variable "account_id" {
  description = "The account of this stage; nothing is applied to another."
  type        = string
}

variable "region" {
  description = "Where everything stands. CloudFront takes certificates and firewalls from us-east-1 only."
  type        = string
  default     = "us-east-1"
}

variable "replica_region" {
  description = "Where copies of backups stand."
  type        = string
  default     = "us-west-2"
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
}

variable "internal_jwks" {
  description = "Public parts of the keys that the gateway signs internal tokens with: a JSON array of JWKs."
  type        = string
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
  type        = list(string)
}

variable "layers_folder" {
  description = "Where `npm run layers` put its archives: <folder>/<layer>/dist."
  type        = string
  default     = "../../../layers"
}

variable "are_secrets_filled" {
  description = "False at the first apply, before the operation that gives every secret its value."
  type        = bool
  default     = true
}

variable "topics" {
  description = "Generated from the event registry: topics.auto.tfvars.json."
  type        = any
}

variable "sizes" {
  description = "How much of everything: sizes.auto.tfvars.json. Each module says and checks what its part means."
  type        = any
}
