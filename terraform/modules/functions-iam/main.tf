resource "aws_iam_role" "group" {
  for_each = local.groups

  name = "${var.name}-functions-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "group" {
  for_each = local.groups

  name   = each.key
  role   = aws_iam_role.group[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}
