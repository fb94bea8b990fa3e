//! Dice for agents.
use agent_factory_sdk::prelude::*;

/// What to compare.
#[derive(Deserialize, JsonSchema)]
struct Compare {
    /// The eyes of the first die, 1 to 6.
    first: u8,
    /// The eyes of the second die, 1 to 6.
    second: u8,
}

/// Say which of two dice shows more. Use it to settle who begins.
#[tool(read_only, idempotent, title = "Compare dice")]
fn compare(args: Compare) -> Result<String, ToolError> {
    for eyes in [args.first, args.second] {
        if !(1..=6).contains(&eyes) {
            return Err(ToolError::invalid_arguments(format!("no die shows {eyes}")));
        }
    }
    Ok(match args.first.cmp(&args.second) {
        std::cmp::Ordering::Less => "the second".to_owned(),
        std::cmp::Ordering::Equal => "neither".to_owned(),
        std::cmp::Ordering::Greater => "the first".to_owned(),
    })
}

agent_factory_sdk::skill!(compare);

#[cfg(test)]
mod tests {
    use super::*;
    use agent_factory_sdk::testing::Host;
    use serde_json::json;

    #[test]
    fn the_higher_die_wins_and_no_die_shows_seven() {
        let host = Host::new();
        let output = host.call(SKILL, "compare", json!({ "first": 5, "second": 2 }));
        assert_eq!(output, Ok(Output::text("the first")));
        let refused = host.call(SKILL, "compare", json!({ "first": 7, "second": 2 }));
        assert_eq!(refused, Err(ToolError::invalid_arguments("no die shows 7")));
    }
}
