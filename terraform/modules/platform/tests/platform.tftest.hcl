# What a stage refuses, and the names that the serverless stack reads. Applied to the stand-in, never to AWS, with the
# values of prod.
variables {
  region             = "us-east-1"
  replica_region     = "us-west-2"
  are_secrets_filled = true
}

provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "replica"
  region = "us-west-2"
}

run "names_every_parameter_of_its_stage" {
  command = apply

  assert {
    condition     = alltrue([for name in keys(output.parameters) : startswith(name, "/learning-hub/${var.stage}/")])
    error_message = "A parameter stands below another stage."
  }

  assert {
    condition     = aws_ssm_parameter.this["network/internal-url"].value == "https://internal.${var.domain_name}"
    error_message = "Services reach each other under internal. and the hub's name."
  }

  assert {
    condition     = alltrue([for each in aws_ssm_parameter.this : each.type == "String"])
    error_message = "Secrets are never parameters."
  }

  assert {
    condition     = alltrue([for each in aws_ssm_parameter.this : !strcontains(nonsensitive(each.value), "{{")])
    error_message = "Parameter Store takes {{ for a reference to another parameter, and refuses it."
  }

  assert {
    condition     = endswith(aws_ssm_parameter.this["database/proxy-url"].value, "?sslmode=verify-full")
    error_message = "The proxy refuses connections without TLS."
  }
}

run "refuses_a_private_key" {
  command = plan

  variables {
    internal_jwks = "[{\"kty\":\"OKP\",\"kid\":\"one\",\"x\":\"a\",\"d\":\"private\"}]"
  }

  expect_failures = [var.internal_jwks]
}

run "refuses_copies_beside_the_original" {
  command = plan

  variables {
    replica_region = "us-east-1"
  }

  expect_failures = [var.replica_region]
}

run "refuses_a_sender_without_an_address" {
  command = plan

  variables {
    mail_from = "Learning Hub"
  }

  expect_failures = [var.mail_from]
}
