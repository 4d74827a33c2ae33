variables {
  name                    = "learning-hub-test"
  stage                   = "test"
  account_id              = "123456789012"
  region                  = "us-east-1"
  kubernetes_version      = "1.35"
  subnet_ids              = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id       = "sg-eks"
  secrets_key_arn         = "arn:aws:kms:us-east-1:123456789012:key/secrets"
  disks_key_arn           = "arn:aws:kms:us-east-1:123456789012:key/storage"
  logs_key_arn            = "arn:aws:kms:us-east-1:123456789012:key/logs"
  log_retention_days      = 30
  administrator_role_arns = ["arn:aws:iam::123456789012:role/administrators"]
  node_groups = {
    general = { instance_types = ["t3.medium"], nodes_min = 1, nodes_max = 2, disk_gb = 30, is_dedicated = false }
    sandbox = { instance_types = ["t3.medium"], nodes_min = 1, nodes_max = 2, disk_gb = 30, is_dedicated = true }
  }
}

run "keeps_others_off_the_dedicated_nodes" {
  command = plan

  assert {
    condition     = one(aws_eks_node_group.this["sandbox"].taint).effect == "NO_SCHEDULE"
    error_message = "The sandbox takes only what tolerates it."
  }

  assert {
    condition     = length(aws_eks_node_group.this["general"].taint) == 0
    error_message = "The general nodes take everything."
  }
}

run "refuses_a_range_whose_first_address_is_the_gateways" {
  command = plan

  variables {
    service_cidr = "10.100.0.0/16"
  }

  expect_failures = [var.service_cidr]
}

run "refuses_an_old_kubernetes" {
  command = plan

  variables {
    kubernetes_version = "1.27"
  }

  expect_failures = [var.kubernetes_version]
}

run "refuses_nodes_for_nothing_but_the_dedicated" {
  command = plan

  variables {
    node_groups = {
      sandbox = { instance_types = ["t3.medium"], nodes_min = 1, nodes_max = 2, disk_gb = 30, is_dedicated = true }
    }
  }

  expect_failures = [var.node_groups]
}
