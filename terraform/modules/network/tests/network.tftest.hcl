variables {
  name               = "learning-hub-test"
  zones              = ["us-east-1a", "us-east-1b", "us-east-1c"]
  nat_gateways       = 3
  log_retention_days = 30
  logs_key_arn       = "arn:aws:kms:us-east-1:123456789012:key/logs"
}

run "has_a_way_out_in_each_zone" {
  command = apply

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "A zone that fails must take no other with it."
  }

  assert {
    condition     = alltrue([for zone, route in aws_route.nat : route.nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "A private subnet goes out through its own zone."
  }
}

run "shares_one_way_out_where_it_may_fail" {
  command = apply

  variables {
    nat_gateways = 1
  }

  assert {
    condition     = length(distinct([for route in aws_route.nat : route.nat_gateway_id])) == 1
    error_message = "All private subnets go out through the one."
  }
}

run "gives_databases_no_way_out" {
  command = apply

  assert {
    condition = !contains(
      concat([aws_route.internet.route_table_id], [for route in aws_route.nat : route.route_table_id]),
      aws_route_table.database.id,
    )
    error_message = "The table of the database subnets has a route out."
  }
}

run "refuses_two_nat_gateways" {
  command = plan

  variables {
    nat_gateways = 2
  }

  expect_failures = [var.nat_gateways]
}

run "refuses_a_zone_twice" {
  command = plan

  variables {
    zones = ["us-east-1a", "us-east-1a", "us-east-1c"]
  }

  expect_failures = [var.zones]
}

run "refuses_a_network_of_another_size" {
  command = plan

  variables {
    cidr = "10.0.0.0/8"
  }

  expect_failures = [var.cidr]
}
