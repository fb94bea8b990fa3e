//! Arithmetic for agents: one pure tool, `calculate`.
//!
//! Numbers are 64-bit floating point; answers are shown with 15 significant digits, which hides
//! the usual noise of such numbers (`0.1 + 0.2` is `0.3`).

mod format;
mod lexer;
mod parser;

use agent_factory_sdk::prelude::*;

/// The longest expression, in characters.
pub const EXPRESSION_CHARACTERS_MAX: usize = 1000;

/// What to evaluate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Calculate {
    /// For example `2 * (3 + 4)`. At most 1000 characters.
    #[schemars(length(min = 1, max = 1000))]
    expression: String,
}

/// What came out.
#[derive(Serialize, JsonSchema)]
struct Calculated {
    /// The value of the expression.
    value: f64,
}

/// Evaluate an arithmetic expression, exactly as written. Use it for every calculation instead of
/// working it out yourself. Knows + - * / % (remainder), ^ (power, from right to left), parentheses
/// and numbers such as 12, 0.5 and 1e-3.
#[tool(read_only, idempotent, title = "Calculate")]
fn calculate(args: Calculate) -> Result<(String, Json<Calculated>), ToolError> {
    let expression = args.expression.trim();
    let value = evaluate(expression).map_err(ToolError::invalid_arguments)?;
    let text = format!("{expression} = {}", format::number(value));
    Ok((text, Json(Calculated { value })))
}

agent_factory_sdk::skill!(calculate);

fn evaluate(expression: &str) -> Result<f64, String> {
    let characters = expression.chars().count();
    if characters > EXPRESSION_CHARACTERS_MAX {
        return Err(format!(
            "the expression has {characters} characters, and at most {EXPRESSION_CHARACTERS_MAX} are read"
        ));
    }
    parser::evaluate(&lexer::tokens(expression)?)
}

#[cfg(test)]
mod tests;
