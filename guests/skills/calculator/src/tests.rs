use super::*;
use agent_factory_sdk::testing::Host;
use serde_json::{Value, json};

fn result(expression: &str) -> String {
    evaluate(expression).map_or_else(|error| error, format::number)
}

#[test]
fn the_answer_is_text_for_people_and_json_for_programs() {
    let output = Host::new()
        .call(SKILL, "calculate", json!({ "expression": " 2 * (3 + 4) " }))
        .unwrap();
    assert_eq!(output.to_text(), "2 * (3 + 4) = 14");
    assert_eq!(output.structured.as_deref(), Some(r#"{"value":14.0}"#));
}

#[test]
fn operators_bind_as_in_mathematics() {
    let cases = [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("24 / 4 / 2", "3"),
        ("2 ^ 3 ^ 2", "512"),
        ("-2 ^ 2", "-4"),
        ("(-2) ^ 2", "4"),
        ("2 ^ -1", "0.5"),
        ("7 % 3", "1"),
        ("-7 % 3", "-1"),
        ("2 * -3", "-6"),
        ("--2", "2"),
        ("+2", "2"),
        ("6 × 7 − 2 ÷ 2", "41"),
    ];
    for (expression, expected) in cases {
        assert_eq!(result(expression), expected, "{expression}");
    }
}

#[test]
fn numbers_are_shown_as_people_write_them() {
    let cases = [
        ("0.1 + 0.2", "0.3"),
        ("1 / 3", "0.333333333333333"),
        (".5 + 1.", "1.5"),
        ("1e3", "1000"),
        ("2 ^ 53", "9007199254740992"),
        ("2 ^ 64", "1.84467440737096e19"),
        ("1 / 10000000", "1e-7"),
        ("0 * -1", "0"),
    ];
    for (expression, expected) in cases {
        assert_eq!(result(expression), expected, "{expression}");
    }
}

#[test]
fn errors_say_where() {
    let cases = [
        ("", "the expression ends where a number or `(` should be"),
        ("1 +", "the expression ends where a number or `(` should be"),
        (
            "1 + * 2",
            "a number or `(` should be where `*` is, at character 5",
        ),
        ("2 3", "an operator is missing before `3` at character 3"),
        ("(1 + 2", "the `(` at character 1 is never closed"),
        (
            "(1 2)",
            "the `(` at character 1 is never closed: `2` comes instead, at character 4",
        ),
        ("1)", "an operator is missing before `)` at character 2"),
        ("1.2.3", "`1.2.3` at character 1 is no number"),
        ("1e", "`1e` at character 1 is no number"),
        ("1e999", "the number `1e999` at character 1 is too large"),
        ("4 / (2 - 2)", "division by zero at character 3"),
        ("4 % 0", "division by zero at character 3"),
        (
            "0 ^ -1",
            "division by zero at character 3: 0 to a negative power",
        ),
        ("(-8) ^ 0.5", "the power at character 6 has no real value"),
        (
            "10 ^ 308 * 10",
            "the result is too large: numbers end at about 1.8e308",
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(result(expression), expected, "{expression}");
    }
    assert!(result("2 + x").starts_with("there is no meaning for `x` at character 5"));
}

#[test]
fn division_by_zero_is_the_caller_s_mistake() {
    let answer = Host::new().call(SKILL, "calculate", json!({ "expression": "1 / 0" }));
    assert_eq!(
        answer,
        Err(ToolError::invalid_arguments(
            "division by zero at character 3"
        ))
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
    assert_eq!(result(&nested(parser::DEPTH_MAX)), "1");
    let error = result(&nested(parser::DEPTH_MAX + 1));
    assert_eq!(error, "the expression is nested deeper than 64 levels");
    let signs = format!("{}1", "-".repeat(parser::DEPTH_MAX + 1));
    assert_eq!(
        result(&signs),
        "the expression is nested deeper than 64 levels"
    );
    let powers = "1^".repeat(parser::DEPTH_MAX + 1) + "1";
    assert_eq!(
        result(&powers),
        "the expression is nested deeper than 64 levels"
    );
}

#[test]
fn length_is_bounded() {
    let sum = |characters: usize| format!("{}1", "1+".repeat(characters / 2));
    assert_eq!(result(&(sum(998) + " ")), "500");
    assert_eq!(
        result(&sum(EXPRESSION_CHARACTERS_MAX)),
        "the expression has 1001 characters, and at most 1000 are read"
    );
}

#[test]
fn the_schema_tells_the_model_what_to_write() {
    let tool = SKILL.tool("calculate").unwrap();
    let schema: Value = serde_json::from_str(&tool.input_schema).unwrap();
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["required"], json!(["expression"]));
    assert_eq!(schema["properties"]["expression"]["type"], "string");
    assert_eq!(schema["properties"]["expression"]["maxLength"], 1000);
    assert!(tool.hints.read_only && tool.hints.idempotent);
    assert!(!tool.hints.destructive && !tool.hints.open_world);
}
