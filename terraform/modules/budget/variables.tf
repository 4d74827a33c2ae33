variable "name" {
  description = "Prefix of every name, e.g. learning-hub-prod."
  type        = string
}

variable "stage" {
  description = "The value of the tag that costs are told apart by."
  type        = string
}

variable "monthly_usd" {
  description = "What a month may cost, in US dollars."
  type        = number

  validation {
    condition     = var.monthly_usd > 0
    error_message = "A budget is above nothing."
  }
}

variable "anomaly_usd" {
  description = "Unusual spend of a day that is worth a message, in US dollars."
  type        = number

  validation {
    condition     = var.anomaly_usd > 0
    error_message = "A threshold is above nothing."
  }
}

variable "alarm_topic_arn" {
  description = "Where messages go."
  type        = string
}

variable "account_id" {
  description = "The account."
  type        = string
}
