# Who may talk to whom, as data: each line is one rule in at its target and, where both ends are ours, one rule out at
# its source. There is no other rule.
locals {
  groups = {
    alb          = "The public balancer."
    internal-alb = "The internal balancer, before the functions."
    eks          = "Nodes and pods, and the control plane's side of the network."
    functions    = "Lambda functions."
    rds          = "PostgreSQL, its replicas and its proxy."
    cache        = "Redis."
    msk          = "Kafka, and the pollers that Lambda starts in its subnets."
    search       = "OpenSearch."
  }

  clients = ["eks", "functions"]

  # 9092 is plaintext, where brokers that demand TLS do not listen; 9094 TLS; 9096 SCRAM; 9098 IAM.
  kafka_ports = [9092, 9094, 9096, 9098]

  between = merge(
    {
      "alb-to-eks-gateway" = { from = "alb", to = "eks", first = 3000, last = 3037, out_first = 3000, out_last = 3000 }
      "eks-to-eks-all"     = { from = "eks", to = "eks", first = null, last = null }
      # The proxy stands in the same group as the instances behind it.
      "rds-to-rds-5432" = { from = "rds", to = "rds", first = 5432, last = 5432 }
      # Lambda's pollers take the cluster's own group.
      "msk-to-msk-9098" = { from = "msk", to = "msk", first = 9098, last = 9098 }
    },
    { for from in local.clients : "${from}-to-rds-5432" => { from = from, to = "rds", first = 5432, last = 5432 } },
    { for from in local.clients : "${from}-to-cache-6379" => { from = from, to = "cache", first = 6379, last = 6379 } },
    { for from in local.clients : "${from}-to-search-443" => { from = from, to = "search", first = 443, last = 443 } },
    { for from in local.clients : "${from}-to-internal-alb-443" => { from = from, to = "internal-alb", first = 443, last = 443 } },
    { for pair in setproduct(local.clients, local.kafka_ports) :
      "${pair[0]}-to-msk-${pair[1]}" => { from = pair[0], to = "msk", first = pair[1], last = pair[1] }
    },
  )

  # AWS's own interfaces, mail and other providers: HTTPS, through the NAT gateways.
  reaching_out = ["eks", "functions", "msk"]
}

resource "aws_security_group" "this" {
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "internet" {
  security_group_id = aws_security_group.this["alb"].id
  description       = "HTTPS from anywhere"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"

  tags = { Name = "internet-to-alb-443" }
}

resource "aws_vpc_security_group_ingress_rule" "between" {
  for_each = local.between

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  description                  = each.key
  ip_protocol                  = each.value.first == null ? "-1" : "tcp"
  from_port                    = each.value.first
  to_port                      = each.value.last

  tags = { Name = each.key }
}

resource "aws_vpc_security_group_egress_rule" "between" {
  for_each = local.between

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  description                  = each.key
  ip_protocol                  = each.value.first == null ? "-1" : "tcp"
  from_port                    = try(each.value.out_first, each.value.first)
  to_port                      = try(each.value.out_last, each.value.last)

  tags = { Name = each.key }
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = toset(local.reaching_out)

  security_group_id = aws_security_group.this[each.key].id
  description       = "HTTPS to providers"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"

  tags = { Name = "${each.key}-to-internet-443" }
}
