# The function, the permission for this pool alone to call it, and the trigger. The pool itself is yours.

variable "user_pool_id" { type = string }
variable "user_pool_arn" { type = string }
variable "userbridge_url" { type = string } # https://users.example.com/cognito/acme
variable "userbridge_key" {
  type      = string
  sensitive = true
}

data "archive_file" "function" {
  type        = "zip"
  source_file = "${path.module}/index.mjs"
  output_path = "${path.module}/function.zip"
}

resource "aws_iam_role" "function" {
  name = "userbridge-migrate-user"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "migrate_user" {
  function_name    = "userbridge-migrate-user"
  role             = aws_iam_role.function.arn
  runtime          = "nodejs22.x"
  handler          = "index.handler"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
  timeout          = 5   # Cognito waits no longer
  memory_size      = 512 # a quicker start: its share of a CPU grows with it
  environment {
    variables = { USERBRIDGE_URL = var.userbridge_url, USERBRIDGE_KEY = var.userbridge_key }
  }
}

resource "aws_lambda_permission" "cognito" {
  statement_id  = "userbridge-migrate-user"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.migrate_user.function_name
  principal     = "cognito-idp.amazonaws.com"
  source_arn    = var.user_pool_arn
}

# In the pool's own resource:
#   resource "aws_cognito_user_pool" "…" {
#     lambda_config { user_migration = aws_lambda_function.migrate_user.arn }
#   }
# and in its app client:
#   explicit_auth_flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
output "function_arn" { value = aws_lambda_function.migrate_user.arn }
