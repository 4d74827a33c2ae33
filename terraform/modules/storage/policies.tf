locals {
  cdn_buckets = { static = var.distribution_arns.static, media = var.distribution_arns.media }

  tls_only = {
    for kind in keys(local.buckets) : kind => {
      Sid       = "RefusePlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::${var.bucket_prefix}-${kind}", "arn:aws:s3:::${var.bucket_prefix}-${kind}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }

  read_by_cdn = {
    for kind, distribution in local.cdn_buckets : kind => {
      Sid       = "CloudFrontReads"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::${var.bucket_prefix}-${kind}/*"
      Condition = { StringEquals = { "aws:SourceArn" = distribution } }
    }
  }

  logs_delivered = {
    Sid       = "AwsDeliversLogs"
    Effect    = "Allow"
    Principal = { Service = ["logdelivery.elasticloadbalancing.amazonaws.com", "logging.s3.amazonaws.com", "delivery.logs.amazonaws.com"] }
    Action    = "s3:PutObject"
    Resource  = "arn:aws:s3:::${var.bucket_prefix}-logs/*"
    Condition = { StringEqualsIfExists = { "aws:SourceAccount" = var.account_id } }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.tls_only[each.key]],
      [for kind, statement in local.read_by_cdn : statement if kind == each.key],
      [for statement in [local.logs_delivered] : statement if each.key == "logs"],
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
