output "budget_name" {
  description = "The month's budget."
  value       = aws_budgets_budget.monthly.name
}
