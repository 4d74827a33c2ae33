locals {
  here          = "${var.region}:${var.account_id}"
  function_arns = "arn:aws:lambda:${local.here}:function:${var.name}-"
  kafka_path    = "${var.name}/${var.msk_cluster_uuid}"

  # Every function runs in the network, writes its log and its traces.
  runs = [
    {
      Sid      = "WriteLog"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:aws:logs:${local.here}:log-group:/aws/lambda/${var.name}-*:*"]
    },
    {
      Sid      = "WriteTraces"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = ["*"]
    },
    {
      Sid    = "RunInNetwork"
      Effect = "Allow"
      Action = [
        "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
      ]
      Resource = ["*"]
    },
  ]

  invokes = {
    for group, need in local.groups : group => [for statement in [{
      Sid      = "WakeFunctions"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [for function in need.invokes : "${local.function_arns}${function}"]
    }] : statement if length(need.invokes) > 0]
  }

  # Lambda's pollers read topics as the function whose mapping they serve.
  consumes = {
    for group, need in local.groups : group => [for statement in [
      {
        Sid      = "FindBrokers"
        Effect   = "Allow"
        Action   = ["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"]
        Resource = [var.msk_cluster_arn]
      },
      {
        Sid      = "Connect"
        Effect   = "Allow"
        Action   = ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"]
        Resource = [var.msk_cluster_arn]
      },
      {
        Sid      = "ReadTopics"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
        Resource = ["arn:aws:kafka:${local.here}:topic/${local.kafka_path}/hub.*.v1"]
      },
      {
        Sid      = "KeepPositions"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"]
        Resource = [for consumer in need.consumers : "arn:aws:kafka:${local.here}:group/${local.kafka_path}/hub.${consumer}.*"]
      },
    ] : statement if length(need.consumers) > 0]
  }

  reads = {
    for group, need in local.groups : group => [for statement in [
      {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for prefix in need.reads : "${var.media_bucket_arn}/${prefix}/*"]
      },
      {
        # Not by prefix: the question for one object has none, and whoever may not list hears 403 of one that is absent.
        Sid      = "ListObjects"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.media_bucket_arn]
      },
      {
        Sid      = "DecryptObjects"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = [var.storage_key_arn]
      },
    ] : statement if length(need.reads) > 0]
  }

  writes = {
    for group, need in local.groups : group => [for statement in [
      {
        Sid      = "WriteObjects"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = [for prefix in need.writes : "${var.media_bucket_arn}/${prefix}/*"]
      },
      {
        Sid      = "ListUploads"
        Effect   = "Allow"
        Action   = ["s3:ListBucketMultipartUploads"]
        Resource = [var.media_bucket_arn]
      },
      {
        Sid      = "EncryptObjects"
        Effect   = "Allow"
        Action   = ["kms:GenerateDataKey"]
        Resource = [var.storage_key_arn]
      },
    ] : statement if length(need.writes) > 0]
  }

  executes = {
    for group, need in local.groups : group => [for statement in [
      {
        Sid      = "StartExecutions"
        Effect   = "Allow"
        Action   = ["states:StartExecution"]
        Resource = [for machine in need.machines : "arn:aws:states:${local.here}:stateMachine:${var.name}-${machine}"]
      },
      {
        Sid      = "WatchExecutions"
        Effect   = "Allow"
        Action   = ["states:DescribeExecution", "states:StopExecution"]
        Resource = [for machine in need.machines : "arn:aws:states:${local.here}:execution:${var.name}-${machine}:*"]
      },
    ] : statement if length(need.machines) > 0]
  }

  encodes = {
    for group, need in local.groups : group => [for statement in [{
      Sid      = "CancelEncoding"
      Effect   = "Allow"
      Action   = ["mediaconvert:CancelJob"]
      Resource = ["arn:aws:mediaconvert:${local.here}:jobs/*"]
    }] : statement if need.encodes]
  }

  statements = {
    for group in keys(local.groups) : group => concat(
      local.runs, local.invokes[group], local.consumes[group], local.reads[group],
      local.writes[group], local.executes[group], local.encodes[group],
    )
  }
}
