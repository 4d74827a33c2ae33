# The state of this stage, in a bucket that exists before everything else; the lock lies beside it.
terraform {
  backend "s3" {
    bucket       = "learning-hub-terraform-staging"
    key          = "platform/terraform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}
