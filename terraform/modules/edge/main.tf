locals {
  year_seconds = 365 * 24 * 3600
  week_seconds = 7 * 24 * 3600

  distributions = {
    static = { ttl = local.year_seconds, is_signed = false, methods = ["GET", "HEAD"] }
    media  = { ttl = local.week_seconds, is_signed = true, methods = ["GET", "HEAD", "OPTIONS"] }
  }
}

resource "aws_cloudfront_origin_access_control" "s3" {
  name                              = "${var.name}-s3"
  description                       = "CloudFront signs its requests to the buckets, which answer nobody else."
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_public_key" "playback" {
  # Another key is another resource beside the old one, so it needs another name.
  name        = "${var.name}-playback-${substr(sha256(var.playback_public_key), 0, 8)}"
  comment     = "Checks signed playback addresses and cookies."
  encoded_key = var.playback_public_key

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudfront_key_group" "playback" {
  name  = "${var.name}-playback"
  items = [aws_cloudfront_public_key.playback.id]
}

# An object's own Cache-Control may ask for less: the pages' entry point must never be a year old.
resource "aws_cloudfront_cache_policy" "this" {
  for_each = local.distributions

  name        = "${var.name}-${each.key}"
  min_ttl     = 0
  default_ttl = each.value.ttl
  max_ttl     = each.value.ttl

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "this" {
  for_each = local.distributions

  name = "${var.name}-${each.key}"

  security_headers_config {
    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "SAMEORIGIN"
      override     = false
    }

    referrer_policy {
      referrer_policy = "strict-origin-when-cross-origin"
      override        = false
    }

    strict_transport_security {
      access_control_max_age_sec = local.year_seconds
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
  }

  dynamic "cors_config" {
    for_each = each.value.is_signed ? [var.player_origins] : []
    content {
      # Signed cookies are credentials.
      access_control_allow_credentials = true
      origin_override                  = true

      access_control_allow_headers {
        items = ["Range"]
      }

      access_control_allow_methods {
        items = ["GET", "HEAD", "OPTIONS"]
      }

      access_control_allow_origins {
        items = cors_config.value
      }
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  for_each = local.distributions

  enabled             = true
  comment             = "${var.name} ${each.key}"
  aliases             = ["${each.key}.${var.domain_name}"]
  default_root_object = each.key == "static" ? "index.html" : null
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  price_class         = var.price_class
  web_acl_id          = aws_wafv2_web_acl.this["cloudfront"].arn

  origin {
    origin_id                = each.key
    domain_name              = var.bucket_domain_names[each.key]
    origin_access_control_id = aws_cloudfront_origin_access_control.s3.id
  }

  default_cache_behavior {
    target_origin_id           = each.key
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = each.value.methods
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.this[each.key].id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this[each.key].id
    trusted_key_groups         = each.value.is_signed ? [aws_cloudfront_key_group.playback.id] : []
  }

  restrictions {
    # The firewall decides by country, for the balancer and for CloudFront alike.
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = aws_acm_certificate_validation.this.certificate_arn
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }
}

resource "aws_route53_record" "distribution" {
  for_each = {
    for pair in setproduct(keys(local.distributions), ["A", "AAAA"]) :
    "${pair[0]}-${pair[1]}" => { distribution = pair[0], type = pair[1] }
  }

  zone_id = var.zone_id
  name    = "${each.value.distribution}.${var.domain_name}"
  type    = each.value.type

  alias {
    name                   = aws_cloudfront_distribution.this[each.value.distribution].domain_name
    zone_id                = aws_cloudfront_distribution.this[each.value.distribution].hosted_zone_id
    evaluate_target_health = false
  }
}

resource "aws_cloudwatch_log_delivery_source" "this" {
  for_each = local.distributions

  name         = "${var.name}-${each.key}"
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.this[each.key].arn
}

resource "aws_cloudwatch_log_delivery_destination" "logs" {
  name          = "${var.name}-cloudfront"
  output_format = "json"

  delivery_destination_configuration {
    destination_resource_arn = "${var.logs_bucket_arn}/cloudfront"
  }
}

resource "aws_cloudwatch_log_delivery" "this" {
  for_each = local.distributions

  delivery_source_name     = aws_cloudwatch_log_delivery_source.this[each.key].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.logs.arn
}
