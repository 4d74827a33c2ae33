resource "aws_iam_role" "cluster" {
  name = "${var.name}-eks-cluster"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "eks.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role" "node" {
  name = "${var.name}-eks-node"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}

locals {
  # Which service account may do what with AWS. The gateway and the other pods of ours need nothing of it.
  pods = {
    load-balancer-controller = {
      namespace       = "kube-system"
      service_account = "aws-load-balancer-controller"
      managed_policy  = null
      statements = [
        {
          Sid    = "FindTargets"
          Effect = "Allow"
          Action = [
            "ec2:DescribeInstances", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:DescribeSecurityGroups",
            "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
          ]
          Resource = ["*"]
        },
        {
          Sid      = "EnterTargets"
          Effect   = "Allow"
          Action   = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
          Resource = ["arn:aws:elasticloadbalancing:${var.region}:${var.account_id}:targetgroup/${var.name}-gateway/*"]
        },
      ]
    }
    external-secrets = {
      namespace       = "external-secrets"
      service_account = "external-secrets"
      managed_policy  = null
      statements = [
        {
          Sid    = "ReadPodsSecrets"
          Effect = "Allow"
          Action = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
          Resource = [
            for secret in ["gateway", "kafka"] :
            "arn:aws:secretsmanager:${var.region}:${var.account_id}:secret:/learning-hub/${var.stage}/${secret}-*"
          ]
        },
        {
          Sid    = "ReadPodsParameters"
          Effect = "Allow"
          Action = ["ssm:GetParameter", "ssm:GetParameters"]
          Resource = [
            for parameter in ["cache/url", "kafka/brokers"] :
            "arn:aws:ssm:${var.region}:${var.account_id}:parameter/learning-hub/${var.stage}/${parameter}"
          ]
        },
        {
          Sid      = "Decrypt"
          Effect   = "Allow"
          Action   = ["kms:Decrypt"]
          Resource = [var.secrets_key_arn]
        },
      ]
    }
    alertmanager = {
      namespace       = "monitoring"
      service_account = "alertmanager"
      managed_policy  = null
      statements = [
        {
          Sid      = "RaiseAlarms"
          Effect   = "Allow"
          Action   = ["sns:Publish"]
          Resource = ["arn:aws:sns:${var.region}:${var.account_id}:${var.name}-alarms"]
        },
        {
          Sid      = "EncryptAlarms"
          Effect   = "Allow"
          Action   = ["kms:GenerateDataKey", "kms:Decrypt"]
          Resource = [var.logs_key_arn]
        },
      ]
    }
    cloudwatch-agent = {
      namespace       = "amazon-cloudwatch"
      service_account = "cloudwatch-agent"
      managed_policy  = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"
      statements      = []
    }
  }
}

resource "aws_iam_role" "pod" {
  for_each = local.pods

  name = "${var.name}-pod-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Principal = { Service = "pods.eks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "pod" {
  for_each = { for name, pod in local.pods : name => pod if length(pod.statements) > 0 }

  name   = each.key
  role   = aws_iam_role.pod[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value.statements })
}

resource "aws_iam_role_policy_attachment" "pod" {
  for_each = { for name, pod in local.pods : name => pod if pod.managed_policy != null }

  role       = aws_iam_role.pod[each.key].name
  policy_arn = each.value.managed_policy
}

resource "aws_eks_pod_identity_association" "this" {
  for_each = local.pods

  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.service_account
  role_arn        = aws_iam_role.pod[each.key].arn
}
