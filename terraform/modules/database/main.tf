locals {
  database = "learning_hub"
  port     = 5432
  # Cancelled statements, deadlocks and the like; not the statements themselves, which hold personal data.
  slow_statement_ms = 1000
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "The database subnets."
  subnet_ids  = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name        = "${var.name}-postgres15"
  description = "TLS only; slow statements without their parameters."
  family      = "postgres15"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = tostring(local.slow_statement_ms)
  }

  parameter {
    name  = "log_parameter_max_length"
    value = "0"
  }

  parameter {
    name  = "log_lock_waits"
    value = "1"
  }

  parameter {
    name  = "idle_in_transaction_session_timeout"
    value = "60000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = setunion([var.name], [for purpose in var.size.replicas : "${var.name}-${purpose}"])

  # RDS writes to groups of such names.
  name              = "/aws/rds/instance/${each.key}/postgresql"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_key_arn
}

resource "aws_db_instance" "primary" {
  identifier = var.name
  db_name    = local.database
  port       = local.port

  engine                     = "postgres"
  engine_version             = "15"
  auto_minor_version_upgrade = true
  instance_class             = var.size.instance_class
  parameter_group_name       = aws_db_parameter_group.this.name
  ca_cert_identifier         = "rds-ca-rsa2048-g1"

  storage_type          = "gp3"
  allocated_storage     = var.size.storage_gb
  max_allocated_storage = var.size.storage_gb_max
  storage_encrypted     = true
  kms_key_id            = var.key_arn

  multi_az               = var.size.is_multi_az
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false

  # The owner's password is made and turned by RDS, in a secret of its own.
  username                            = "hub_owner"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.secrets_key_arn
  iam_database_authentication_enabled = true

  # With backups comes the archive of the log every five minutes: recovery to any second but the last five minutes.
  backup_retention_period   = var.size.backup_days
  backup_window             = "03:00-04:00"
  maintenance_window        = "sun:04:30-sun:05:30"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = true
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"

  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = ["postgresql"]

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_db_instance" "replica" {
  for_each = var.size.replicas

  identifier          = "${var.name}-${each.key}"
  replicate_source_db = aws_db_instance.primary.identifier
  instance_class      = var.size.replica_instance_class

  parameter_group_name       = aws_db_parameter_group.this.name
  auto_minor_version_upgrade = true
  ca_cert_identifier         = "rds-ca-rsa2048-g1"
  storage_type               = "gp3"
  max_allocated_storage      = var.size.storage_gb_max
  storage_encrypted          = true
  kms_key_id                 = var.key_arn
  vpc_security_group_ids     = [var.security_group_id]
  publicly_accessible        = false
  copy_tags_to_snapshot      = true
  deletion_protection        = true
  skip_final_snapshot        = true

  iam_database_authentication_enabled   = true
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = ["postgresql"]

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_db_instance_automated_backups_replication" "other_region" {
  count    = var.size.has_regional_backups ? 1 : 0
  provider = aws.replica

  source_db_instance_arn = aws_db_instance.primary.arn
  kms_key_id             = var.replica_key_arn
  retention_period       = var.size.backup_days
}

resource "aws_iam_role" "monitoring" {
  name = "${var.name}-rds-monitoring"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
