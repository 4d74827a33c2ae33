locals {
  idle_timeout_seconds = 60
  # TLS 1.2 and 1.3, with forward secrecy.
  tls_policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  balancers = {
    public = {
      name            = "${var.name}-public"
      is_internal     = false
      subnets         = var.public_subnet_ids
      security_groups = [var.security_group_ids.public]
      host            = var.domain_name
    }
    internal = {
      name            = "${var.name}-internal"
      is_internal     = true
      subnets         = var.private_subnet_ids
      security_groups = [var.security_group_ids.internal]
      host            = "internal.${var.domain_name}"
    }
  }
}

resource "aws_lb" "this" {
  for_each = local.balancers

  name                       = each.value.name
  load_balancer_type         = "application"
  internal                   = each.value.is_internal
  subnets                    = each.value.subnets
  security_groups            = each.value.security_groups
  idle_timeout               = local.idle_timeout_seconds
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = true
  enable_http2               = true

  access_logs {
    bucket  = var.logs_bucket_name
    prefix  = each.value.name
    enabled = true
  }
}

# The cluster's controller enters and removes the gateway's pods (TargetGroupBinding).
resource "aws_lb_target_group" "gateway" {
  name        = "${var.name}-gateway"
  vpc_id      = var.vpc_id
  target_type = "ip"
  port        = 3000
  protocol    = "HTTP"
  # A pod that goes answers for 5 s more and then finishes what is under way.
  deregistration_delay = 45

  health_check {
    path                = "/health"
    interval            = 30
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
    matcher             = "200"
  }
}

resource "aws_lb_listener" "public" {
  load_balancer_arn = aws_lb.this["public"].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = local.tls_policy
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.gateway.arn
  }
}

# The serverless stack adds a rule and a target group for each service (priorities 100 to 899).
resource "aws_lb_listener" "internal" {
  load_balancer_arn = aws_lb.this["internal"].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = local.tls_policy
  certificate_arn   = var.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "404"
      content_type = "application/json"
      message_body = jsonencode({ code = "route.not_found", status = 404, title = "Not found" })
    }
  }
}

resource "aws_wafv2_web_acl_association" "public" {
  resource_arn = aws_lb.this["public"].arn
  web_acl_arn  = var.web_acl_arn
}

resource "aws_route53_record" "this" {
  for_each = local.balancers

  zone_id = var.zone_id
  name    = each.value.host
  type    = "A"

  alias {
    name                   = aws_lb.this[each.key].dns_name
    zone_id                = aws_lb.this[each.key].zone_id
    evaluate_target_health = true
  }
}
