output "logs_bucket_name" {
  description = "For whoever has AWS write there at once: it is tried when the writer is made, so the policy comes first."
  value       = aws_s3_bucket.this["logs"].bucket
  depends_on  = [aws_s3_bucket_policy.this]
}

output "buckets" {
  description = "By kind (static, media, documents, backups, artifacts, logs): name, ARN, domain name."
  value = {
    for kind, bucket in aws_s3_bucket.this :
    kind => { name = bucket.bucket, arn = bucket.arn, domain_name = bucket.bucket_regional_domain_name }
  }
}
