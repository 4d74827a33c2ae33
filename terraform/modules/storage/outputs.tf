output "buckets" {
  description = "By kind (static, media, documents, backups, artifacts, logs): name, ARN, domain name."
  value = {
    for kind, bucket in aws_s3_bucket.this :
    kind => { name = bucket.bucket, arn = bucket.arn, domain_name = bucket.bucket_regional_domain_name }
  }
}
