# Names that belong to whoever runs the hub. Keys and secrets do not stand here.
stage             = "prod"
account_id        = "123456789012"
bucket_prefix     = "learning-hub"
domain_name       = "hub.example.com"
zone_name         = "example.com"
alert_address     = "hub-operations@example.com"
mail_from         = "Learning Hub <hub@example.com>"
blocked_countries = ["CU", "IR", "KP", "SY"]
administrator_role_arns = [
  "arn:aws:iam::123456789012:role/platform-administrators",
  "arn:aws:iam::123456789012:role/delivery-pipeline",
]
