locals {
  # Days after which an object moves (`moves`), and after which its former versions go (`former`).
  lifecycles = {
    static    = { moves = {}, former = 90, expires = null }
    media     = { moves = { INTELLIGENT_TIERING = 0, GLACIER_IR = 180 }, former = 30, expires = null }
    documents = { moves = {}, former = 365, expires = null }
    backups   = { moves = { GLACIER = 30 }, former = 90, expires = null }
    artifacts = { moves = {}, former = 30, expires = null }
    logs      = { moves = {}, former = null, expires = 90 }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.lifecycles

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "keep-what-is-needed"
    status = "Enabled"

    filter {}

    # Parts of uploads that nobody completed.
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    dynamic "transition" {
      for_each = each.value.moves
      content {
        storage_class = transition.key
        days          = transition.value
      }
    }

    dynamic "noncurrent_version_expiration" {
      for_each = each.value.former == null ? [] : [each.value.former]
      content {
        noncurrent_days = noncurrent_version_expiration.value
      }
    }

    dynamic "expiration" {
      for_each = each.value.expires == null ? [] : [each.value.expires]
      content {
        days = expiration.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
