resource "aws_ecr_repository" "pod" {
  for_each = var.pods

  name = "${var.name}/${each.key}"
  # What was tested is what runs: a tag never comes to mean something else.
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "pod" {
  for_each = var.pods

  repository = aws_ecr_repository.pod[each.key].name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Images without a tag go after a week."
        action       = { type = "expire" }
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
      },
      {
        rulePriority = 2
        description  = "The last ${var.images_kept} stay."
        action       = { type = "expire" }
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = var.images_kept }
      },
    ]
  })
}

# Too large for a direct upload to Lambda (50 MB), so they go through the bucket.
resource "aws_s3_object" "layer" {
  for_each = var.layers

  bucket      = var.artifacts_bucket
  key         = "layers/${each.key}-${substr(filesha256(each.value), 0, 16)}.zip"
  source      = each.value
  source_hash = filesha256(each.value)
}

resource "aws_lambda_layer_version" "this" {
  for_each = var.layers

  layer_name               = "${var.name}-${each.key}"
  description              = "See layers/${each.key}."
  s3_bucket                = var.artifacts_bucket
  s3_key                   = aws_s3_object.layer[each.key].key
  source_code_hash         = filebase64sha256(each.value)
  compatible_runtimes      = ["nodejs24.x"]
  compatible_architectures = ["arm64"]
  # Functions that still run with the former version can be rolled back to it.
  skip_destroy = true
}
