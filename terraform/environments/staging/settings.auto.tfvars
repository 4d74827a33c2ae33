# Names that belong to whoever runs the hub. Keys and secrets do not stand here.
stage             = "staging"
account_id        = "210987654321"
bucket_prefix     = "learning-hub-staging"
domain_name       = "staging.hub.example.com"
zone_name         = "example.com"
alert_address     = "hub-operations@example.com"
mail_from         = "Learning Hub <hub@example.com>"
blocked_countries = ["CU", "IR", "KP", "SY"]
administrator_role_arns = [
  "arn:aws:iam::210987654321:role/platform-administrators",
  "arn:aws:iam::210987654321:role/delivery-pipeline",
]
