locals {
  # `logs` takes what only S3's own key may encrypt: AWS delivers balancers' logs to nothing else.
  buckets = {
    static    = { is_versioned = true, has_own_key = true }
    media     = { is_versioned = true, has_own_key = true }
    documents = { is_versioned = true, has_own_key = true }
    backups   = { is_versioned = true, has_own_key = true }
    artifacts = { is_versioned = true, has_own_key = true }
    logs      = { is_versioned = false, has_own_key = false }
  }

  logged = toset([for kind, bucket in local.buckets : kind if kind != "logs"])
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket = "${var.bucket_prefix}-${each.key}"
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = each.value.is_versioned ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    # One call of KMS for many objects instead of one for each.
    bucket_key_enabled = each.value.has_own_key

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.value.has_own_key ? "aws:kms" : "AES256"
      kms_master_key_id = each.value.has_own_key ? var.key_arn : null
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.logged

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"
}

# Browsers send parts of an upload straight here, and give their ETags back when they complete it.
resource "aws_s3_bucket_cors_configuration" "media" {
  bucket = aws_s3_bucket.this["media"].id

  cors_rule {
    allowed_methods = ["GET", "HEAD", "PUT", "POST"]
    allowed_origins = var.upload_origins
    allowed_headers = ["*"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3600
  }
}
