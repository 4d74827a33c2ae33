# Roles of what is no function: the state machines, and MediaConvert when it encodes for one of them.
resource "aws_iam_role" "state_machine" {
  name = "${var.name}-state-machine"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "state_machine" {
  name = "run-workflows"
  role = aws_iam_role.state_machine.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "RunSteps"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = ["${local.function_arns}videoProcessing*", "${local.function_arns}certificateIssuance*"]
      },
      {
        Sid      = "Encode"
        Effect   = "Allow"
        Action   = ["mediaconvert:CreateJob"]
        Resource = ["arn:aws:mediaconvert:${local.here}:queues/Default"]
      },
      {
        # A job is tagged when it is made: it is billed to its stage and group.
        Sid      = "WatchAndTagEncoding"
        Effect   = "Allow"
        Action   = ["mediaconvert:GetJob", "mediaconvert:CancelJob", "mediaconvert:TagResource"]
        Resource = ["arn:aws:mediaconvert:${local.here}:jobs/*"]
      },
      {
        Sid       = "LendEncodingRole"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.mediaconvert.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "mediaconvert.amazonaws.com" } }
      },
      {
        # Step Functions waits for a job's end through a rule of its own.
        Sid      = "HearOfEnds"
        Effect   = "Allow"
        Action   = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
        Resource = ["arn:aws:events:${local.here}:rule/StepFunctionsGetEventsForMediaConvertJobRule"]
      },
      {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
        Resource = ["*"]
      },
    ]
  })
}

resource "aws_iam_role" "mediaconvert" {
  name = "${var.name}-mediaconvert"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "mediaconvert.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "mediaconvert" {
  name = "encode"
  role = aws_iam_role.mediaconvert.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadSources"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.media_bucket_arn}/media/*"]
      },
      {
        Sid      = "WriteRenditions"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${var.media_bucket_arn}/videos/*"]
      },
      {
        Sid      = "UseKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.storage_key_arn]
      },
    ]
  })
}
