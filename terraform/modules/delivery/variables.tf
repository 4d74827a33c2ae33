variable "pods" {
  description = "The pods, which each have a repository of images."
  type        = set(string)
}

variable "images_kept" {
  description = "Images that can still be rolled back to."
  type        = number
  default     = 30

  validation {
    condition     = var.images_kept >= 5
    error_message = "At least five images are kept, so that there is something to roll back to."
  }
}

variable "key_arn" {
  description = "KMS key of images and artefacts."
  type        = string
}

variable "artifacts_bucket" {
  description = "Where layers are uploaded before Lambda takes them."
  type        = string
}

variable "layers" {
  description = "What `npm run layers` made: path of the archive by name of the layer."
  type        = map(string)

  validation {
    condition     = alltrue([for path in values(var.layers) : fileexists(path)])
    error_message = "A layer's archive is missing: run `npm run layers` first."
  }
}

variable "name" {
  description = "Prefix of the layers' names, e.g. learning-hub-prod."
  type        = string
}
